//! When everything is looked at, and how much of a processor that may take.

use std::time::Duration;

use tokio::time::Instant;

use crate::{ReconcileReport, pass::Depth};

/// How long a look at everything goes on before what has changed meanwhile has its turn.
pub(crate) const SLICE: Duration = Duration::from_millis(250);
/// How long it waits at most while there is something new to be brought up, one thing after another.
const SLICE_REST: Duration = Duration::from_secs(2);
/// How many times as long as a look took is waited for the next, so that looking at what nobody
/// changed takes a tenth of one core at the most.
pub(crate) const SWEEP_REST: u32 = 8;
/// How long after a look at everything comes the next, though nothing is said to have changed: an
/// event may be lost.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(2);
/// Where there is so much that a look takes long, it is not taken over and over.
const SWEEP_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long after a change in the kernel it is looked at: many change at once, and what was removed
/// is to be back within five seconds.
const EVENT_GATHER: Duration = Duration::from_millis(50);
/// The same, as a multiple of how long the last pass took: whoever changes something all the time
/// takes a third of one core at the most.
const EVENT_REST: u32 = 2;
/// Longer than that nothing waits after a change, however long the last pass took.
const EVENT_GATHER_MAX: Duration = Duration::from_secs(1);
/// How long after a failure it is tried again.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Settings under /proc/sys are looked at in one of so many looks at everything, besides a router's
/// whenever something is said to have changed in its namespace: where there are thousands, the kernel
/// takes long to find them.
const SETTINGS_EVERY: u32 = 16;

/// The rhythm of passes.
#[derive(Debug)]
pub(crate) struct Pace {
    sweep_at: Instant,
    /// Looks at everything that have come to their end.
    sweeps: u32,
    /// What the one under way has taken.
    taken: Duration,
    /// Whether one is under way, between two passes.
    is_under_way: bool,
    /// Whether something may have changed of which nobody heard that the kernel told of it.
    is_unsure: bool,
    /// The same, since the look under way began: it is not enough.
    once_more: bool,
    /// When it is gone on with, whatever else there is to do.
    slice_at: Instant,
    last_pass: Duration,
}

impl Pace {
    /// Everything is looked at first.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let (taken, last_pass) = (Duration::ZERO, Duration::ZERO);
        Self {
            sweep_at: now,
            sweeps: 0,
            taken,
            is_under_way: false,
            is_unsure: false,
            once_more: false,
            slice_at: now,
            last_pass,
        }
    }

    /// How deep the next pass looks, now; with something new to be brought up, that comes first.
    pub(crate) fn depth(&self, is_new: bool) -> Depth {
        let now = Instant::now();
        if now < self.sweep_at || (is_new && now < self.slice_at) {
            Depth::Changed
        } else if self.sweeps.is_multiple_of(SETTINGS_EVERY) {
            Depth::Thorough
        } else if self.is_unsure {
            Depth::Unsure
        } else {
            Depth::Full
        }
    }

    /// Has everything be looked at of which the kernel tells, as soon as that is fair: something may
    /// have changed anywhere.
    pub(crate) fn overlooked(&mut self) {
        self.overlooked_until(self.gather());
    }

    /// The same, where a pass came to nothing: what it was to look at is forgotten.
    pub(crate) fn failed(&mut self) {
        self.sweep_at = Instant::now() + RETRY_PAUSE;
        self.overlooked_until(RETRY_PAUSE);
    }

    fn overlooked_until(&mut self, rest: Duration) {
        self.sweep_at = self.sweep_at.min(Instant::now() + rest);
        self.is_unsure = true;
        self.once_more = self.is_under_way;
    }

    /// Notes how a pass went; how long the look at everything took that it has brought to its end.
    pub(crate) fn passed(&mut self, depth: Depth, report: &ReconcileReport) -> Option<Duration> {
        self.last_pass = report.took;
        if depth == Depth::Changed {
            return None;
        }
        self.taken += report.took.saturating_sub(report.aside);
        self.slice_at = Instant::now() + SLICE_REST;
        self.is_under_way = report.unfinished;
        if report.unfinished {
            return None;
        }
        self.sweeps = self.sweeps.wrapping_add(1);
        let whole = std::mem::take(&mut self.taken);
        let rest = (whole * SWEEP_REST).clamp(SWEEP_PAUSE_MIN, SWEEP_PAUSE_MAX);
        self.sweep_at = Instant::now() + rest;
        // Begun before something was overlooked, it may have been past that already.
        self.is_unsure = std::mem::take(&mut self.once_more);
        if self.is_unsure {
            self.sweep_at = Instant::now() + self.gather();
        }
        Some(whole)
    }

    /// How long to wait for more after a change in the kernel.
    pub(crate) fn gather(&self) -> Duration {
        (self.last_pass * EVENT_REST).clamp(EVENT_GATHER, EVENT_GATHER_MAX)
    }

    /// When to look although nothing is said to have changed.
    pub(crate) fn next(&self) -> Instant {
        self.sweep_at
    }

    /// The same, where something could not be brought about.
    pub(crate) fn next_after_failure(&self) -> Instant {
        self.sweep_at.min(Instant::now() + RETRY_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(took: u64, unfinished: bool) -> ReconcileReport {
        ReconcileReport { took: Duration::from_millis(took), unfinished, ..Default::default() }
    }

    #[test]
    fn everything_is_looked_at_first_and_then_after_a_rest() {
        let mut pace = Pace::new();
        assert_eq!(pace.depth(false), Depth::Thorough);
        assert_eq!(pace.passed(Depth::Thorough, &report(300, true)), None);
        assert_eq!(pace.depth(false), Depth::Thorough, "it is not at its end");
        assert_eq!(pace.depth(true), Depth::Changed, "what is new comes first");
        let whole = pace.passed(Depth::Thorough, &report(200, false));
        assert_eq!(whole, Some(Duration::from_millis(500)));
        assert_eq!(pace.depth(false), Depth::Changed);
        assert!(pace.next() > Instant::now() + Duration::from_secs(3));
        assert!(pace.next_after_failure() < Instant::now() + Duration::from_secs(2));
    }

    #[test]
    fn a_long_look_is_not_taken_over_and_over_and_a_lost_event_hurries_the_next() {
        let mut pace = Pace::new();
        pace.passed(Depth::Thorough, &report(600_000, false));
        assert!(pace.next() <= Instant::now() + SWEEP_PAUSE_MAX);
        pace.passed(Depth::Changed, &report(1, false));
        pace.overlooked();
        assert!(pace.next() <= Instant::now() + EVENT_GATHER);
        pace.sweep_at = Instant::now();
        assert_eq!(pace.depth(false), Depth::Unsure, "forwarding may have been changed");
        pace.passed(Depth::Unsure, &report(1, false));
        pace.sweep_at = Instant::now();
        assert_eq!(pace.depth(false), Depth::Full);
    }

    #[test]
    fn what_a_look_may_have_been_past_is_looked_at_by_another() {
        let mut pace = Pace::new();
        pace.passed(Depth::Thorough, &report(250, true));
        pace.overlooked();
        pace.passed(Depth::Thorough, &report(250, true));
        pace.passed(Depth::Thorough, &report(250, false));
        assert!(pace.next() <= Instant::now() + EVENT_GATHER_MAX);
        pace.sweep_at = Instant::now();
        assert_eq!(pace.depth(false), Depth::Unsure);
        pace.passed(Depth::Unsure, &report(250, false));
        assert!(pace.next() >= Instant::now() + SWEEP_PAUSE_MIN - EVENT_GATHER);
    }

    #[test]
    fn a_pass_that_came_to_nothing_is_made_up_for_but_not_at_once() {
        let mut pace = Pace::new();
        pace.passed(Depth::Thorough, &report(1, false));
        pace.failed();
        assert_eq!(pace.depth(false), Depth::Changed);
        assert!(pace.next() <= Instant::now() + RETRY_PAUSE);
        pace.sweep_at = Instant::now();
        assert_eq!(pace.depth(false), Depth::Unsure);
    }

    #[test]
    fn however_long_a_pass_took_changes_do_not_wait_for_long() {
        let mut pace = Pace::new();
        pace.passed(Depth::Changed, &report(5_000, false));
        assert_eq!(pace.gather(), EVENT_GATHER_MAX);
    }
}
