use std::fmt;

use innkeeper_model::TopologyGeneration;

use crate::HostError;

/// What one pass did.
#[derive(Debug, Default)]
pub struct ReconcileReport {
    /// What was made, mended or removed, in order; empty if all was as it should be.
    pub changes: Vec<Change>,
    /// What could not be, each for itself; the rest was still done.
    pub failures: Vec<Failure>,
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
        for Change { item, what } in within.changes {
            self.changes.push(Change { item: format!("{namespace}/{item}"), what });
        }
        self.failures.extend(within.failures);
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
    /// What could not be brought about; retried every second.
    pub failures: Vec<Failure>,
    /// Why no newer topology could be had, if it could not.
    pub view_error: Option<String>,
}
