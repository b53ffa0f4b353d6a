//! Keeps the drives of instances that changed up to date, and clears away those of deleted ones.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use innkeeper_model::{InstanceId, PowerState};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    error::ConfigDrivesError,
    keeping::{BUILDS_MAX, ConfigDrives},
};

/// How soon a change is seen. Each look compares a number.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many times as long as reading the store took it is then left in peace: with a hundred
/// thousand drives it takes half a second, and guests read there too.
const PEACE: u32 = 4;
/// How many drives are worked on at once. Whoever asks for one meanwhile waits for these, and not
/// for all that an operator's change of a network has made out of date.
const TASKS_MAX: usize = BUILDS_MAX;
/// How often the store is read although nothing was written through it here: another process may
/// have written. It costs one search of an index for each kept drive.
const STORE_EVERY: Duration = Duration::from_secs(5);
/// How often the disk is looked at, for what another process kept or took away.
const SHELF_EVERY: Duration = Duration::from_secs(60);
/// The first and the longest pause after a failure. The causes are full disks, permissions and
/// vendors' services: each is mended within minutes or hours, by somebody else.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);

impl ConfigDrives {
    /// Looks for changes until `stop`. What fails is logged once and tried again.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut follower = Follower {
            drives: self.clone(),
            shelf_at: Instant::now(),
            store_at: Instant::now(),
            peace_until: Instant::now(),
            commits: 0,
            failed: HashMap::new(),
            logged: BTreeSet::new(),
            strangers: BTreeSet::new(),
        };
        while !stop.is_cancelled() {
            tokio::select! {
                () = async { follower.look().await; sleep(LOOK_EVERY).await } => {}
                // What is being written is finished by its own thread.
                () = stop.cancelled() => {}
            }
        }
    }
}

struct Follower {
    drives: ConfigDrives,
    /// When to look at the disk again.
    shelf_at: Instant,
    /// When to read the store again, whatever was written.
    store_at: Instant,
    /// When the store may be read again.
    peace_until: Instant,
    /// What was written when the store was last read.
    commits: u64,
    /// What did not succeed when it was last tried.
    failed: HashMap<Task, Failed>,
    /// The causes of failures that were logged and last.
    logged: BTreeSet<String>,
    /// Instances with a drive that the store has never heard of.
    strangers: BTreeSet<InstanceId>,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Task {
    LookAtShelf,
    ReadStore,
    Renew(InstanceId),
    ClearAway(InstanceId),
}

struct Failed {
    /// Without the instance's id: the same for all that suffer from it.
    cause: String,
    pause: Duration,
    again_at: Instant,
}

impl Follower {
    async fn look(&mut self) {
        if self.shelf_at <= Instant::now() && self.may_try(Task::LookAtShelf) {
            let looked = self.drives.look_at_shelf().await;
            if looked.is_ok() {
                self.shelf_at = Instant::now() + SHELF_EVERY;
                self.store_at = Instant::now();
            }
            self.ended(Task::LookAtShelf, looked);
        }
        let commits = self.drives.store().commits();
        let now = Instant::now();
        let is_news = commits != self.commits || self.store_at <= now;
        let is_due = self.failed.values().any(|failed| failed.again_at <= now);
        if (is_news || is_due) && self.peace_until <= now && self.may_try(Task::ReadStore) {
            self.commits = commits;
            self.store_at = Instant::now() + STORE_EVERY;
            self.act().await;
        }
        self.log();
    }

    async fn act(&mut self) {
        let begun = Instant::now();
        let found = self.find().await;
        self.peace_until = Instant::now() + begun.elapsed() * PEACE;
        match found {
            Ok(tasks) => {
                self.ended(Task::ReadStore, Ok(()));
                self.forget_all_but(&tasks);
                self.perform(tasks).await;
            }
            Err(error) => self.ended(Task::ReadStore, Err(error)),
        }
    }

    /// What the store says is to be done.
    async fn find(&mut self) -> Result<Vec<Task>, ConfigDrivesError> {
        let store = self.drives.store();
        let known: Vec<_> = self.drives.known().iter().map(|(id, its)| (*id, *its)).collect();
        let states = match known.as_slice() {
            [] => Vec::new(),
            known => store.instance_states(known.iter().map(|(id, _)| *id).collect()).await?,
        };
        // After the states: who is missing among those and not abandoned either was never there.
        let abandoned = store.abandoned_config_drives().await?;
        let mut tasks: Vec<_> = abandoned.iter().copied().map(Task::ClearAway).collect();
        for ((id, shown), state) in known.into_iter().zip(states) {
            match state {
                None if !abandoned.contains(&id) => self.meet_stranger(id),
                None | Some((_, PowerState::Running)) => {}
                Some((revision, _)) if self.drives.is_up_to_date(shown, revision) => {}
                Some(_) => tasks.push(Task::Renew(id)),
            }
        }
        Ok(tasks)
    }

    /// It may be another installation's: a wrong store path must not cost anybody a drive.
    fn meet_stranger(&mut self, id: InstanceId) {
        // Else it has just been cleared away.
        let is_still_kept = self.drives.known().contains_key(&id);
        if is_still_kept && self.strangers.insert(id) {
            tracing::warn!(
                target: "control", instance = %id,
                path = %self.drives.setup().shelf.path_of(id).display(),
                "this config drive belongs to no instance that the store has ever had, and is left \
                 alone: remove it if it is nobody's, or correct store.path or \
                 config_drive.instances_path"
            );
        }
    }

    async fn perform(&mut self, tasks: Vec<Task>) {
        let mut running = JoinSet::new();
        for task in tasks {
            if !self.may_try(task) {
                continue;
            }
            if running.len() >= TASKS_MAX
                && let Some(done) = running.join_next().await
            {
                self.performed(done);
            }
            let drives = self.drives.clone();
            running.spawn(async move { (task, perform(&drives, task).await) });
        }
        while let Some(done) = running.join_next().await {
            self.performed(done);
        }
    }

    fn performed(&mut self, done: Result<(Task, Result<(), ConfigDrivesError>), JoinError>) {
        match done {
            Ok((task, ended)) => self.ended(task, ended),
            // What the panic said is in the log; the next look tries again.
            Err(error) => tracing::error!(target: "control", %error, "a config drive"),
        }
    }

    fn may_try(&self, task: Task) -> bool {
        self.failed.get(&task).is_none_or(|failed| failed.again_at <= Instant::now())
    }

    fn ended(&mut self, task: Task, ended: Result<(), ConfigDrivesError>) {
        let Err(error) = ended else {
            self.failed.remove(&task);
            return;
        };
        let pause = self.failed.get(&task).map_or(PAUSE_MIN, |failed| failed.pause * 2);
        let pause = pause.min(PAUSE_MAX);
        let cause = task.without_id(&error.to_string());
        self.failed.insert(task, Failed { cause, pause, again_at: Instant::now() + pause });
    }

    /// What is no longer to be done has not failed either.
    fn forget_all_but(&mut self, tasks: &[Task]) {
        let tasks: std::collections::HashSet<_> = tasks.iter().collect();
        self.failed.retain(|task, _| {
            matches!(task, Task::LookAtShelf | Task::ReadStore) || tasks.contains(task)
        });
    }

    /// One line for each cause, however many drives suffer from it and however often.
    fn log(&mut self) {
        let mut causes: HashMap<&str, usize> = HashMap::new();
        for failed in self.failed.values() {
            *causes.entry(&failed.cause).or_default() += 1;
        }
        for (cause, drives) in &causes {
            if !self.logged.contains(*cause) {
                tracing::warn!(
                    target: "control", drives,
                    "config drives cannot be brought up to date, and are tried again: {cause}"
                );
            }
        }
        let ended = self.logged.iter().filter(|cause| !causes.contains_key(cause.as_str()));
        for cause in ended {
            tracing::info!(target: "control", "config drives are up to date again after: {cause}");
        }
        self.logged = causes.into_keys().map(str::to_owned).collect();
    }
}

impl Task {
    fn without_id(self, message: &str) -> String {
        match self {
            Self::Renew(id) | Self::ClearAway(id) => message.replace(&id.to_string(), "<id>"),
            Self::LookAtShelf | Self::ReadStore => message.to_owned(),
        }
    }
}

async fn perform(drives: &ConfigDrives, task: Task) -> Result<(), ConfigDrivesError> {
    match task {
        Task::Renew(id) => match drives.keep(id, false).await {
            // It was deleted meanwhile, or is no longer to have one: there is nothing to follow.
            Err(ConfigDrivesError::NoInstance(_) | ConfigDrivesError::NotWanted(_)) => Ok(()),
            kept => kept.map(drop),
        },
        Task::ClearAway(id) => drives.clear_away(id).await,
        Task::LookAtShelf | Task::ReadStore => Ok(()),
    }
}
