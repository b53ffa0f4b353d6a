use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use innkeeper_model::{MetadataPath, PluggedPort, Topology};
use tokio::sync::watch;

use crate::{
    HostConfig, HostError, HostStatus, ReconcileReport,
    dhcp_service::Dhcp,
    inspection::Inspection,
    netlink::News,
    nftables::Nft,
    pass::{Depth, Reconciler, Scope},
    report::Failure,
    source::NetworkSource,
    taps::{GuardState, Guarding, Look},
    work::Hands,
};

/// The host role: brings up what it is told and keeps it so.
#[derive(Debug, Clone)]
pub struct Host {
    reconciler: Arc<Mutex<Reconciler>>,
    guarding: Arc<Mutex<Guarding>>,
    pub(crate) guarded: watch::Sender<BTreeSet<String>>,
    pub(crate) dhcp: Dhcp,
    metadata_path: MetadataPath,
    neighbour: Neighbour,
    pub(crate) status: Arc<Mutex<HostStatus>>,
}

impl Host {
    /// A host role that has not looked at anything yet.
    pub fn new(config: HostConfig) -> Self {
        let guarding = Guarding::new(Nft::new(config.nft.clone()));
        let dhcp = Dhcp::new(config.dhcp.clone());
        let metadata_path = config.metadata_path;
        Self {
            reconciler: Arc::new(Mutex::new(Reconciler::new(config))),
            guarding: Arc::new(Mutex::new(guarding)),
            guarded: watch::Sender::default(),
            dhcp,
            metadata_path,
            neighbour: Neighbour::default(),
            status: Arc::default(),
        }
    }

    /// The same, which calls `tell` whenever it has changed something, before DHCP is answered in what
    /// is new: for whoever serves guests in namespaces made here.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        self.neighbour.0 = Some(Arc::new(tell));
        self
    }

    /// Looks at everything but taps and mends what differs from `topology`.
    ///
    /// A failure of one network or router does not stop the others; it is in the report, and
    /// another pass tries again.
    pub async fn reconcile(&self, topology: &Topology) -> ReconcileReport {
        let report =
            self.pass(&Arc::new(topology.clone()), Depth::Thorough, News::default(), None).await;
        lock(&self.status).last_pass = report.took;
        report
    }

    /// Guards the taps that are there, once.
    pub async fn guard_taps(
        &self,
        topology: &Topology,
        source: &impl NetworkSource,
    ) -> ReconcileReport {
        self.guard(&Arc::new(topology.clone()), source).await
    }

    /// Says what is there and what would be changed, and changes nothing.
    pub async fn inspect(&self, topology: &Topology, source: &impl NetworkSource) -> Inspection {
        let wanted = Arc::new(topology.clone());
        let (state, guard) = self.guard_with(&wanted, source, Hands::Look).await;
        let bridges = state.bridges.clone();
        let scope = whole(Depth::Thorough, bridges);
        let mut report = self.pass_with(&wanted, scope, Hands::Look).await;
        report.follow_with(guard);
        let inspection = Inspection::of(topology, self.metadata_path, report);
        Inspection { taps: state.taps, remarks: state.remarks, ..inspection }
    }

    /// Removes everything that this role made on this machine, and nothing else.
    pub async fn remove_all(&self) -> ReconcileReport {
        self.remove(Hands::Mend).await
    }

    /// Says what [`Host::remove_all`] would remove, and removes nothing.
    pub async fn plan_removal(&self) -> ReconcileReport {
        self.remove(Hands::Look).await
    }

    async fn remove(&self, hands: Hands) -> ReconcileReport {
        let nothing = Arc::new(Topology::default());
        let (guarding, seen) = (Arc::clone(&self.guarding), Arc::clone(&nothing));
        let taps = blocking(move || {
            let look = Look::new(&seen)?;
            let mut guarding = lock(&guarding);
            let mut report = guarding.remove_taps(&look, hands).finish();
            report.follow_with(guarding.remove(hands).finish());
            Ok(report)
        });
        let taps = taps.await.and_then(|taps| taps);
        let mut report = match taps {
            Ok(report) => report,
            Err(error) => {
                let mut report = ReconcileReport::default();
                report.failed("guard", &error);
                report
            }
        };
        let networks = self.pass_with(&nothing, whole(Depth::Removal, BTreeSet::new()), hands);
        report.follow_with(networks.await);
        report
    }

    /// How the role fares.
    pub fn status(&self) -> HostStatus {
        let mut status = lock(&self.status).clone();
        let (networks, remarks) = self.dhcp.status();
        status.dhcp_networks = networks;
        status.remarks.extend(remarks);
        status
    }

    /// `at_most` is how long the look at everything may take; the report says whether some of it is
    /// left for passes to come.
    pub(crate) async fn pass(
        &self,
        topology: &Arc<Topology>,
        depth: Depth,
        news: News,
        at_most: Option<Duration>,
    ) -> ReconcileReport {
        let guarded = self.guarded.borrow().clone();
        let scope = Scope { depth, news, guarded, at_most };
        let report = self.pass_with(topology, scope, Hands::Mend).await;
        self.record(&report, |status| &mut status.network_failures);
        report
    }

    async fn pass_with(
        &self,
        topology: &Arc<Topology>,
        scope: Scope,
        hands: Hands,
    ) -> ReconcileReport {
        let (reconciler, topology) = (Arc::clone(&self.reconciler), Arc::clone(topology));
        let (dhcp, neighbour) = (self.dhcp.clone(), self.neighbour.clone());
        // The kernel's answers are waited for; a panic poisons nothing that a new pass would not
        // look up again.
        let pass = blocking(move || {
            let mut reconciler = lock(&reconciler);
            let mut work = reconciler.pass(&topology, &scope, hands);
            if work.mends() {
                if let (Some(tell), false) = (&neighbour.0, work.report.changes.is_empty()) {
                    tell();
                }
                dhcp.serve(reconciler.dhcp_targets(), &mut work);
            }
            (work.finish(), reconciler.progress())
        });
        match pass.await {
            Ok((report, (generation, namespaces))) => {
                if hands == Hands::Mend {
                    let mut status = lock(&self.status);
                    status.generation = generation.or(status.generation);
                    status.namespaces = namespaces;
                }
                report
            }
            Err(error) => {
                let mut report =
                    ReconcileReport { came_to_nothing: true, ..ReconcileReport::default() };
                report.failed("host", &error);
                report
            }
        }
    }

    /// Whether the name of a namespace is gone that was there.
    pub(crate) async fn misses_a_name(&self) -> bool {
        let reconciler = Arc::clone(&self.reconciler);
        blocking(move || lock(&reconciler).misses_a_name()).await.unwrap_or(true)
    }

    pub(crate) async fn guard(
        &self,
        topology: &Arc<Topology>,
        source: &impl NetworkSource,
    ) -> ReconcileReport {
        let (state, report) = self.guard_with(topology, source, Hands::Mend).await;
        self.record(&report, |status| &mut status.guard_failures);
        self.record_remarks(&state.remarks);
        lock(&self.status).taps = state.taps;
        let bridges = state.bridges;
        self.guarded.send_if_modified(|before| {
            let changed = *before != bridges;
            *before = bridges;
            changed
        });
        report
    }

    async fn guard_with(
        &self,
        topology: &Arc<Topology>,
        source: &impl NetworkSource,
        hands: Hands,
    ) -> (GuardState, ReconcileReport) {
        let failed = |error: HostError| {
            let mut report = ReconcileReport::default();
            report.failed("guard", &error);
            (GuardState::default(), report)
        };
        let seen = Arc::clone(topology);
        let look = match blocking(move || Look::new(&seen)).await.and_then(|look| look) {
            Ok(look) => look,
            Err(error) => return failed(error),
        };
        let ports = plugged(source, look.prefixes()).await;
        let guarding = Arc::clone(&self.guarding);
        let pass = blocking(move || {
            let (state, work) = lock(&guarding).pass(&look, ports.as_deref(), hands);
            (state, work.finish())
        });
        pass.await.unwrap_or_else(failed)
    }

    /// Logs what changed, and a failure once until it changes.
    fn record(
        &self,
        report: &ReconcileReport,
        failures: impl FnOnce(&mut HostStatus) -> &mut Vec<Failure>,
    ) {
        for change in &report.changes {
            tracing::info!(item = %change.item, "{}", change.what);
        }
        let mut status = lock(&self.status);
        let known = failures(&mut status);
        let over = news(known, &report.failures, |failure| {
            tracing::warn!(item = %failure.item, error = %failure.error, "not brought about; retried every second");
        });
        for item in over {
            tracing::info!(%item, "brought about after all");
        }
        known.clone_from(&report.failures);
    }

    fn record_remarks(&self, remarks: &[Failure]) {
        let mut status = lock(&self.status);
        news(&status.remarks, remarks, |remark| {
            tracing::warn!(item = %remark.item, "{}", remark.error);
        });
        status.remarks = remarks.to_vec();
    }
}

/// A look at everything at once.
fn whole(depth: Depth, guarded: BTreeSet<String>) -> Scope {
    Scope { depth, news: News::default(), guarded, at_most: None }
}

/// Whom to tell of changes.
#[derive(Clone, Default)]
struct Neighbour(Option<Arc<dyn Fn() + Send + Sync>>);

impl fmt::Debug for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Neighbour").field(&self.0.is_some()).finish()
    }
}

/// The ports whose ids begin so; `None` if nobody can be asked.
async fn plugged(source: &impl NetworkSource, prefixes: Vec<String>) -> Option<Vec<PluggedPort>> {
    let mut ports = Vec::new();
    for some in prefixes.chunks(PREFIXES_AT_ONCE) {
        ports.extend(source.plugged_ports(some.to_vec()).await.ok()?);
    }
    Some(ports)
}

/// Far below what one question may name.
const PREFIXES_AT_ONCE: usize = 500;

/// Tells `tell` of what is new, and returns the items of which nothing is said any more.
fn news(before: &[Failure], now: &[Failure], tell: impl Fn(&Failure)) -> Vec<String> {
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for failure in before {
        known.insert(&failure.item, &failure.error);
    }
    for failure in now {
        if known.remove(failure.item.as_str()) != Some(failure.error.as_str()) {
            tell(failure);
        }
    }
    known.into_keys().map(str::to_owned).collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HostError> {
    tokio::task::spawn_blocking(work).await.map_err(|_panic| HostError::Panicked)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
