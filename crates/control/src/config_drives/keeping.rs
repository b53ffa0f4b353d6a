//! Which drives are kept, and how one comes to be.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use innkeeper_config_drive::{Format, Kept, Recipe, Seed, Shelf, build, is_required};
use innkeeper_model::{GuestRecord, Instance, InstanceId, PowerState, Revision, UnixSeconds};
use innkeeper_store::{Store, StoreError};
use innkeeper_vendor_data::{Answers, CurrentSettings};
use innkeeper_wire::limits::API_HOLD;
use tokio::{
    sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::{error::ConfigDrivesError, turns::Turns};

/// Drives made at once. Each keeps one core busy, or waits for an external program; guests' requests
/// are to find a core too.
pub(super) const BUILDS_MAX: usize = 2;
/// Images held in memory for answers at once: at 64 MiB each, a VFAT image's size, 256 MiB.
const ANSWERS_MAX: usize = 4;
/// How long an answer waits for memory. Clients give up after 30 seconds.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// How long the vendor's services may take: as long as when a guest waits for them.
const VENDOR_DATA_HOLD: Duration = API_HOLD;

/// What an operator decides about config drives.
#[derive(Debug, Clone)]
pub struct ConfigDrivesSetup {
    /// How drives are made.
    pub recipe: Recipe,
    /// Where they are kept.
    pub shelf: Shelf,
    /// Whether every instance gets one that has not been launched yet.
    pub force: bool,
    /// Whether drives show what the vendor's services say: then those are asked for each drive.
    pub asks_services: bool,
}

/// The config drives of one control API. Clones share everything.
#[derive(Clone)]
pub struct ConfigDrives(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Arc<CurrentSettings>,
    setup: ConfigDrivesSetup,
    turns: Turns,
    builds: Semaphore,
    answers: Arc<Semaphore>,
    known: Mutex<BTreeMap<InstanceId, Shown>>,
}

/// What is known of a kept drive without looking at the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) revision: Revision,
    pub(super) format: Format,
}

impl Shown {
    fn by(kept: &Kept) -> Self {
        Self { revision: kept.revision, format: kept.format }
    }
}

/// An image in memory, for one answer.
pub(super) struct AnswerImage {
    bytes: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for AnswerImage {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for ConfigDrives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigDrives").field("setup", &self.0.setup).finish_non_exhaustive()
    }
}

impl ConfigDrives {
    /// Drives of the instances in `store`, with the documents that `settings` make.
    pub fn new(store: Store, settings: Arc<CurrentSettings>, setup: ConfigDrivesSetup) -> Self {
        Self(Arc::new(Inner {
            store,
            settings,
            setup,
            turns: Turns::default(),
            builds: Semaphore::new(BUILDS_MAX),
            answers: Arc::new(Semaphore::new(ANSWERS_MAX)),
            known: Mutex::default(),
        }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn setup(&self) -> &ConfigDrivesSetup {
        &self.0.setup
    }

    /// The drive that is kept for an instance, and whether it shows the instance as it is. One is
    /// made if there is none, if `rebuild` says so, or if the instance has changed and does not run.
    pub(super) async fn keep(
        &self,
        id: InstanceId,
        rebuild: bool,
    ) -> Result<(Kept, bool), ConfigDrivesError> {
        let turn = self.turn(id).await?;
        // A permit is held before the record is read, so that few records are in memory.
        let _build = self.0.builds.acquire().await.map_err(|_closed| ConfigDrivesError::Busy)?;
        let record = self.record(id).await?;
        if !is_required(&record.instance, self.0.setup.force) {
            // What may be kept all the same is not followed.
            self.known().remove(&id);
            return Err(ConfigDrivesError::NotWanted(id));
        }
        let revision = record.instance.revision;
        let drives = self.clone();
        let (kept, turn) = in_turn(turn, move || drives.0.setup.shelf.kept(id)).await?;
        if let Some(kept) = kept.filter(|kept| is_its_own(kept, &record.instance))
            && !rebuild
            && (self.is_up_to_date(Shown::by(&kept), revision) || runs(&record))
        {
            self.note(&kept);
            let is_current = kept.revision == revision;
            return Ok((kept, is_current));
        }
        let seed = random_seed()?;
        let answers = self.answers(&record).await?;
        let (settings, drives) = (self.0.settings.now(), self.clone());
        let shown = record.instance.clone();
        let make = move || {
            let setup = &drives.0.setup;
            let built = build(&record, &settings, &answers, &setup.recipe, &seed)?;
            setup.shelf.keep(id, &built, revision, now())
        };
        let (kept, turn) = in_turn(turn, make).await?;
        if !self.is_still_there(&shown).await? {
            self.remove(turn, id).await?;
            return Err(ConfigDrivesError::NoInstance(id));
        }
        self.note(&kept);
        Ok((kept, true))
    }

    /// The image that is kept for an instance.
    pub(super) async fn kept_image(
        &self,
        id: InstanceId,
    ) -> Result<AnswerImage, ConfigDrivesError> {
        let memory = self.memory().await?;
        let turn = self.turn(id).await?;
        let instance = self.record(id).await?.instance;
        let drives = self.clone();
        let (read, _turn) = in_turn(turn, move || drives.0.setup.shelf.read(id)).await?;
        let read = read.filter(|(kept, _)| is_its_own(kept, &instance));
        let (_, bytes) = read.ok_or(ConfigDrivesError::NotKept(id))?;
        Ok(AnswerImage { bytes, _memory: memory })
    }

    /// An image made for one answer. Any instance has one, also if it is to have no drive.
    pub(super) async fn image(
        &self,
        id: InstanceId,
        format: Format,
        seed: Option<&str>,
    ) -> Result<AnswerImage, ConfigDrivesError> {
        let memory = self.memory().await?;
        let _build = self.0.builds.acquire().await.map_err(|_closed| ConfigDrivesError::Busy)?;
        let record = self.record(id).await?;
        let seed = seed.map_or_else(random_seed, |text| Ok(Seed::from_text(text)))?;
        let answers = self.answers(&record).await?;
        let (settings, drives) = (self.0.settings.now(), self.clone());
        let make = move || {
            let recipe = Recipe { format, ..drives.0.setup.recipe.clone() };
            build(&record, &settings, &answers, &recipe, &seed).map(|built| built.image.to_vec())
        };
        let bytes = tokio::task::spawn_blocking(make).await.map_err(panicked)??;
        Ok(AnswerImage { bytes, _memory: memory })
    }

    /// Removes what was kept for an instance that was deleted, if it was.
    pub(crate) async fn clear_away(&self, id: InstanceId) -> Result<(), ConfigDrivesError> {
        self.turn(id).await.map(drop)
    }

    /// Whether nothing would be gained by making that drive anew.
    pub(super) fn is_up_to_date(&self, shown: Shown, revision: Revision) -> bool {
        shown == Shown { revision, format: self.0.setup.recipe.format }
    }

    /// Every drive that is known to be kept.
    pub(super) fn known(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Shown>> {
        // Nothing in here can be left half done by a panic.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the disk which drives are kept.
    pub(super) async fn look_at_shelf(&self) -> Result<(), ConfigDrivesError> {
        let before = self.known().clone();
        let drives = self.clone();
        let listed = tokio::task::spawn_blocking(move || drives.0.setup.shelf.list());
        let listed = listed.await.map_err(panicked)??;
        let mut known = self.known();
        // What was kept meanwhile is newer than the list.
        let newer = known.iter().filter(|(id, shown)| before.get(*id) != Some(*shown));
        let newer: Vec<_> = newer.map(|(id, shown)| (*id, *shown)).collect();
        *known = listed.iter().map(|kept| (kept.instance_id, Shown::by(kept))).collect();
        known.extend(newer);
        Ok(())
    }

    /// The turn of an instance, after what a deleted instance of that id left behind is gone: ids
    /// can be given again, and nobody is to find another's drive.
    async fn turn(&self, id: InstanceId) -> Result<OwnedMutexGuard<()>, ConfigDrivesError> {
        let turn = self.0.turns.of(id).await;
        if !self.0.store.abandoned_config_drives().await?.contains(&id) {
            return Ok(turn);
        }
        let turn = self.remove(turn, id).await?;
        self.0.store.config_drive_cleared(id).await?;
        Ok(turn)
    }

    async fn remove(
        &self,
        turn: OwnedMutexGuard<()>,
        id: InstanceId,
    ) -> Result<OwnedMutexGuard<()>, ConfigDrivesError> {
        let drives = self.clone();
        let (_was_there, turn) = in_turn(turn, move || drives.0.setup.shelf.remove(id)).await?;
        self.known().remove(&id);
        Ok(turn)
    }

    /// Whether an instance has not been deleted since, by another process with its own turns: that
    /// one has cleared away what was there then, and cannot know of what was put there after it.
    async fn is_still_there(&self, shown: &Instance) -> Result<bool, ConfigDrivesError> {
        match self.0.store.instance_fetch(shown.id).await {
            Ok(now) => {
                let born = |it: &Instance| (it.created_at, it.project_id.clone());
                Ok(born(&now) == born(shown))
            }
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn record(&self, id: InstanceId) -> Result<GuestRecord, ConfigDrivesError> {
        self.0.store.guest_record(id).await?.ok_or(ConfigDrivesError::NoInstance(id))
    }

    async fn answers(&self, record: &GuestRecord) -> Result<Answers, ConfigDrivesError> {
        if !self.0.setup.asks_services {
            return Ok(Answers::default());
        }
        let deadline = Instant::now() + VENDOR_DATA_HOLD;
        Ok(self.0.settings.answers_about(record, deadline).await?)
    }

    async fn memory(&self) -> Result<OwnedSemaphorePermit, ConfigDrivesError> {
        let permit = timeout(ANSWER_PATIENCE, Arc::clone(&self.0.answers).acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or(ConfigDrivesError::Busy)
    }

    fn note(&self, kept: &Kept) {
        self.known().insert(kept.instance_id, Shown::by(kept));
    }
}

/// Runs what waits for the disk on a thread of its own. The turn goes with it: should nobody wait
/// for the result any more, it ends when the work does, and not before.
async fn in_turn<T: Send + 'static, E: Into<ConfigDrivesError> + Send + 'static>(
    turn: OwnedMutexGuard<()>,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<(T, OwnedMutexGuard<()>), ConfigDrivesError> {
    let done = tokio::task::spawn_blocking(move || (work(), turn)).await;
    let (done, turn) = done.map_err(panicked)?;
    Ok((done.map_err(Into::into)?, turn))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn panicked(error: tokio::task::JoinError) -> ConfigDrivesError {
    tracing::error!(target: "control", %error, "making a config drive panicked");
    ConfigDrivesError::Panicked
}

/// A drive that is older than its instance shows another that had the id before, in this store or in
/// one that was replaced: it may be anybody's.
const fn is_its_own(kept: &Kept, instance: &Instance) -> bool {
    kept.built_at >= instance.created_at
}

fn runs(record: &GuestRecord) -> bool {
    record.instance.power_state == PowerState::Running
}

fn random_seed() -> Result<Seed, ConfigDrivesError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(ConfigDrivesError::Entropy)?;
    Ok(Seed::from_random(bytes))
}

fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds::try_from(since.as_secs()).unwrap_or(UnixSeconds::MAX)
}
