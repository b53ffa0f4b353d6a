//! Waiting for a database that is away.

use std::{fmt::Display, future::Future};

use innkeeper_store::StoreError;
use innkeeper_wire::{
    Reason,
    limits::{RETRY_PAUSE_MAX, RETRY_PAUSE_MIN},
};
use tokio::time::{Instant, sleep, timeout_at};

/// Does `work` until the database has taken it up, one way or the other, or `deadline` is there: a
/// machine that boots asks only once.
///
/// Only what surely did nothing is done again: the store says "unavailable" of what it rolled back.
/// Work that has not ended in time may still be done later, so it is not begun anew.
pub(crate) async fn held<T, Working>(
    deadline: Instant,
    whom: &impl Display,
    work: impl Fn() -> Working,
) -> Result<Result<T, StoreError>, Reason>
where
    Working: Future<Output = Result<T, StoreError>>,
{
    let mut pause = RETRY_PAUSE_MIN;
    loop {
        let error = match timeout_at(deadline, work()).await {
            Ok(Err(error)) if error.is_retryable() => error,
            Ok(done) => return Ok(done),
            Err(_elapsed) => {
                tracing::warn!(%whom, "the database did not answer in time");
                return Err(Reason::StoreAway);
            }
        };
        if Instant::now() + pause >= deadline {
            tracing::warn!(%whom, %error, "the database was away while a request was held");
            return Err(Reason::StoreAway);
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_PAUSE_MAX);
    }
}

/// As [`held`], where every failure is one of ours.
pub(crate) async fn read<T, Working>(
    deadline: Instant,
    whom: &impl Display,
    work: impl Fn() -> Working,
) -> Result<T, Reason>
where
    Working: Future<Output = Result<T, StoreError>>,
{
    held(deadline, whom, work).await?.map_err(|error| {
        tracing::error!(%whom, %error, "the database could not be read");
        Reason::Internal
    })
}
