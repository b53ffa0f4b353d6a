use std::{fmt, time::Duration};

use innkeeper_model::TopologyGeneration;

use crate::HostError;

/// What one pass did.
#[derive(Debug, Default)]
pub struct ReconcileReport {
    /// What was made, mended or removed, in order; empty if all was as it should be.
    pub changes: Vec<Change>,
    /// What could not be, each for itself; the rest was still done.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub took: Duration,
    /// What of that was for what had changed, and not for the look at everything.
    pub(crate) aside: Duration,
    /// Whether it was to look at everything and has not come to the end.
    pub(crate) unfinished: bool,
    /// Whether it came to nothing: what it was to look at has not been looked at.
    pub(crate) came_to_nothing: bool,
}

impl ReconcileReport {
    /// Whether everything is as it should be now.
    pub fn is_settled(&self) -> bool {
        self.failures.is_empty()
    }

    pub(crate) fn changed(&mut self, item: &str, what: impl Into<String>) {
        self.changes.push(Change { item: item.to_owned(), what: what.into() });
    }

    /// Takes over what was changed within a namespace.
    pub(crate) fn absorb(&mut self, namespace: &str, within: Self) {
        let named = |item: String| format!("{namespace}/{item}");
        let changes = within.changes.into_iter();
        self.changes
            .extend(changes.map(|Change { item, what }| Change { item: named(item), what }));
        let failures = within.failures.into_iter();
        self.failures
            .extend(failures.map(|Failure { item, error }| Failure { item: named(item), error }));
    }

    /// Adds what was found and done afterwards.
    pub(crate) fn follow_with(&mut self, after: Self) {
        self.changes.extend(after.changes);
        self.failures.extend(after.failures);
        self.took += after.took;
    }

    pub(crate) fn failed(&mut self, item: &str, error: &HostError) {
        self.failures.push(Failure { item: item.to_owned(), error: error.to_string() });
    }
}

/// One thing that was made, mended or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The namespace, link or bridge.
    pub item: String,
    /// What was done to it.
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.what)
    }
}

/// One thing that could not be brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The namespace, link or bridge.
    pub item: String,
    /// Why, and what to do.
    pub error: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.error)
    }
}

/// How the host role fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostStatus {
    /// The topology brought up last; `None` before the first.
    pub generation: Option<TopologyGeneration>,
    /// Namespaces that are as they should be.
    pub namespaces: usize,
    /// Taps that are guarded.
    pub taps: usize,
    /// Networks in which DHCP is answered.
    pub dhcp_networks: usize,
    /// How long the last look at all networks took, without what was done in between.
    pub last_pass: Duration,
    /// What could not be brought about of networks and routers; retried every second.
    pub network_failures: Vec<Failure>,
    /// What could not be brought about of taps and their guard; retried every second.
    pub guard_failures: Vec<Failure>,
    /// What an operator should know, and this role cannot mend.
    pub remarks: Vec<Failure>,
    /// Why no newer topology could be had, if it could not.
    pub view_error: Option<String>,
}

impl HostStatus {
    /// Everything that could not be brought about.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.network_failures.iter().chain(&self.guard_failures)
    }
}
