use std::{
    thread,
    time::{Duration, Instant},
};

use crate::LabError;

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `probe` gives something.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Result<T, LabError> {
    let started = Instant::now();
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if started.elapsed() >= limit {
            return Err(LabError::Timeout { what: what.to_owned(), seconds: limit.as_secs() });
        }
        thread::sleep(POLL);
    }
}

/// Waits until `condition` holds.
pub fn wait_until(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> bool,
) -> Result<(), LabError> {
    wait_for(what, limit, || condition().then_some(()))
}
