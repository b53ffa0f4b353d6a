use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use innkeeper_model::Topology;

use crate::{
    HostConfig, HostError, HostStatus, ReconcileReport,
    pass::{Depth, Reconciler},
};

/// The host role: brings up what it is told and keeps it so.
#[derive(Debug, Clone)]
pub struct Host {
    reconciler: Arc<Mutex<Reconciler>>,
    pub(crate) status: Arc<Mutex<HostStatus>>,
}

impl Host {
    /// A host role that has not looked at anything yet.
    pub fn new(config: HostConfig) -> Self {
        Self { reconciler: Arc::new(Mutex::new(Reconciler::new(config))), status: Arc::default() }
    }

    /// Looks at everything and mends what differs from `topology`.
    ///
    /// A failure of one network or router does not stop the others; it is in the report, and
    /// another pass tries again.
    pub async fn reconcile(&self, topology: &Topology) -> ReconcileReport {
        self.pass(topology, Depth::Full).await
    }

    /// Removes everything that this role made on this machine, and nothing else.
    pub async fn remove_all(&self) -> ReconcileReport {
        self.reconcile(&Topology::default()).await
    }

    /// How the role fares.
    pub fn status(&self) -> HostStatus {
        lock(&self.status).clone()
    }

    pub(crate) async fn pass(&self, topology: &Topology, depth: Depth) -> ReconcileReport {
        let reconciler = Arc::clone(&self.reconciler);
        let topology = topology.clone();
        // The kernel's answers are waited for; a panic poisons nothing that a new pass would not
        // look up again.
        let pass = tokio::task::spawn_blocking(move || {
            let mut reconciler = lock(&reconciler);
            let report = reconciler.pass(&topology, depth);
            (report, reconciler.progress())
        });
        let (report, (generation, namespaces)) = pass.await.unwrap_or_else(|_| {
            let mut report = ReconcileReport::default();
            report.failed("host", &HostError::Panicked);
            (report, (None, 0))
        });
        self.record(&report, |status| {
            status.generation = generation.or(status.generation);
            status.namespaces = namespaces;
        });
        report
    }

    /// Logs what changed, and a failure once until it changes.
    fn record(&self, report: &ReconcileReport, update: impl FnOnce(&mut HostStatus)) {
        for change in &report.changes {
            tracing::info!(item = %change.item, "{}", change.what);
        }
        let mut status = lock(&self.status);
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        for failure in &status.failures {
            before.insert(&failure.item, &failure.error);
        }
        for failure in &report.failures {
            if before.remove(failure.item.as_str()) != Some(failure.error.as_str()) {
                tracing::warn!(item = %failure.item, error = %failure.error, "not brought about; retried every second");
            }
        }
        for item in before.into_keys() {
            tracing::info!(%item, "brought about after all");
        }
        status.failures.clone_from(&report.failures);
        update(&mut status);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
