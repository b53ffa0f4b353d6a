//! Spares guests the wait for a service that is known to be away, and the service the crowd when
//! it comes back.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Failures in a row after which a service counts as away: one may be chance, three are not.
const FAILURES_MAX: u32 = 3;
/// How long it then is not asked. A guest that retries gets its answer soon after the service is
/// back; until then nobody waits.
const OPEN_TIME: Duration = Duration::from_secs(10);

/// Decides whether a service is asked.
#[derive(Debug)]
pub(crate) struct Breaker {
    name: String,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is asked.
    Closed { failures: u32 },
    /// It is not asked before this moment; then one may try.
    Open { until: Instant },
    /// One tries.
    Probing,
}

/// Leave to ask the service once.
#[derive(Debug)]
pub(crate) struct Leave<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    /// For the service called `name`, which counts as present.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Leave to ask, unless the service counts as away.
    pub(crate) fn enter(&self) -> Option<Leave<'_>> {
        let is_probe = self.change(|state| match *state {
            State::Closed { .. } => Some(false),
            State::Open { until } if Instant::now() >= until => {
                *state = State::Probing;
                Some(true)
            }
            State::Open { .. } | State::Probing => None,
        })?;
        Some(Leave { breaker: self, is_probe })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Leave<'_> {
    /// The service answered, whatever it said.
    pub(crate) fn present(self) {
        let before =
            self.breaker.change(|state| std::mem::replace(state, State::Closed { failures: 0 }));
        if !matches!(before, State::Closed { .. }) {
            tracing::info!(target_name = %self.breaker.name, "the vendor data service is back");
        }
    }

    /// The service did not answer, or somebody answered for it that it is away.
    pub(crate) fn away(self) {
        let is_probe = self.is_probe;
        let opened = self.breaker.change(|state| match *state {
            State::Closed { failures } if failures + 1 < FAILURES_MAX => {
                *state = State::Closed { failures: failures + 1 };
                false
            }
            State::Closed { .. } => {
                *state = State::Open { until: Instant::now() + OPEN_TIME };
                true
            }
            State::Probing if is_probe => {
                *state = State::Open { until: Instant::now() + OPEN_TIME };
                false
            }
            // Asked before it was known.
            State::Probing | State::Open { .. } => false,
        });
        if opened {
            tracing::warn!(
                target_name = %self.breaker.name,
                "the vendor data service counts as away: {FAILURES_MAX} requests in a row failed; \
                 it is tried every {} s",
                OPEN_TIME.as_secs()
            );
        }
    }
}

/// A probe that came to no end must not keep all others out.
impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.change(|state| {
                if *state == State::Probing {
                    *state = State::Open { until: Instant::now() };
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn opened() -> Breaker {
        let breaker = Breaker::new("a");
        for _ in 0..FAILURES_MAX {
            breaker.enter().expect("asked until then").away();
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new("a");
        for _ in 0..FAILURES_MAX {
            for _ in 1..FAILURES_MAX {
                breaker.enter().expect("closed").away();
            }
            breaker.enter().expect("an answer in between starts the count again").present();
        }
        assert!(opened().enter().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_decides() {
        let breaker = opened();
        advance(OPEN_TIME - Duration::from_millis(1)).await;
        assert!(breaker.enter().is_none(), "it was asked too early");
        advance(Duration::from_millis(1)).await;
        let probe = breaker.enter().expect("time to try");
        assert!(breaker.enter().is_none(), "two probes at once");
        probe.away();
        assert!(breaker.enter().is_none(), "a failed probe keeps it open");
        advance(OPEN_TIME).await;
        breaker.enter().expect("time to try").present();
        let (one, two) = (breaker.enter(), breaker.enter());
        assert!(one.is_some() && two.is_some(), "a good probe closes it");
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_probe_lets_the_next_one_try() {
        let breaker = opened();
        advance(OPEN_TIME).await;
        drop(breaker.enter().expect("time to try"));
        assert!(breaker.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_failure_does_not_end_a_probe() {
        let breaker = Breaker::new("a");
        let late = breaker.enter().expect("closed");
        for _ in 0..FAILURES_MAX {
            breaker.enter().expect("asked until then").away();
        }
        advance(OPEN_TIME).await;
        let probe = breaker.enter().expect("time to try");
        late.away();
        assert!(breaker.enter().is_none(), "a second probe");
        probe.present();
        assert!(breaker.enter().is_some());
    }
}
