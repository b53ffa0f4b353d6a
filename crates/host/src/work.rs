//! Changes, made or only looked at.

use std::time::Instant;

use crate::{HostError, report::ReconcileReport};

/// Whether what differs is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// Changes it.
    Mend,
    /// Only says what it would change.
    Look,
}

/// One run over a part of the machine.
#[derive(Debug)]
pub(crate) struct Work {
    hands: Hands,
    pub(crate) report: ReconcileReport,
    started: Instant,
}

impl Work {
    pub(crate) fn new(hands: Hands) -> Self {
        Self { hands, report: ReconcileReport::default(), started: Instant::now() }
    }

    /// As this one, for what is within something.
    pub(crate) fn within(&self) -> Self {
        Self::new(self.hands)
    }

    /// Takes over what was done in `namespace`.
    pub(crate) fn absorb(&mut self, namespace: &str, within: Self) {
        self.report.absorb(namespace, within.report);
    }

    /// Whether changes are made.
    pub(crate) fn mends(&self) -> bool {
        self.hands == Hands::Mend
    }

    /// Makes a change, if changes are made, and notes it as made or to be made.
    pub(crate) fn change(
        &mut self,
        item: &str,
        what: impl Into<String>,
        change: impl FnOnce() -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        if self.mends() {
            change()?;
        }
        self.report.changed(item, what);
        Ok(())
    }

    /// What was found and done, and how long it took.
    pub(crate) fn finish(mut self) -> ReconcileReport {
        self.report.took = self.started.elapsed();
        self.report
    }
}
