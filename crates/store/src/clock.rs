//! The time that rows are stamped with.

use std::time::{SystemTime, UNIX_EPOCH};

use innkeeper_model::UnixSeconds;

/// Now; a clock before 1970 counts as 1970.
pub(crate) fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds::try_from(since.as_secs()).unwrap_or(UnixSeconds::MAX)
}
