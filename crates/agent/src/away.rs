//! What the log says of a network view that cannot be asked.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// After so long it is said again: who is known is answered without the view, so that nobody may
/// have noticed when it came back.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Whether, and since when, the log says so.
#[derive(Debug, Default)]
pub(crate) struct Away {
    is_noted: AtomicBool,
    said: Mutex<Option<Instant>>,
}

impl Away {
    /// It could not be asked, as `error` says.
    pub(crate) fn note(&self, error: &str) {
        let is_new = !self.is_noted.swap(true, Ordering::Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if is_new || said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            *said = Some(Instant::now());
            tracing::warn!(%error, "the network view cannot be asked; requests are held");
        }
    }

    /// It was asked, and answered.
    pub(crate) fn note_present(&self) {
        if self.is_noted.load(Ordering::Relaxed) && self.is_noted.swap(false, Ordering::Relaxed) {
            tracing::info!("the network view can be asked again");
        }
    }
}
