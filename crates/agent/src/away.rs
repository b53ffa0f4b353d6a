//! What the log says of a network view that cannot be asked.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// After so long it is said again: who is known is answered without the view, so that nobody may
/// have noticed when it came back.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Whether the log says so, and when it last did.
#[derive(Debug, Default)]
pub(crate) struct Away {
    is_noted: AtomicBool,
    said: Mutex<Option<Instant>>,
}

impl Away {
    /// It could not be asked, as `error` says.
    pub(crate) fn note(&self, error: &str) {
        if self.is_to_be_said() {
            tracing::warn!(%error, "the network view cannot be asked; requests are held");
        }
    }

    /// It was asked, and answered.
    pub(crate) fn note_present(&self) {
        if self.is_noted.load(Ordering::Relaxed) && self.is_noted.swap(false, Ordering::Relaxed) {
            tracing::info!("the network view can be asked again");
        }
    }

    fn is_to_be_said(&self) -> bool {
        let is_new = !self.is_noted.swap(true, Ordering::Relaxed);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = is_new || said.is_none_or(|said| said.elapsed() >= SAY_AGAIN);
        if is_due {
            *said = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_said_once_then_now_and_then_and_at_once_after_it_was_there() {
        let away = Away::default();
        assert!(away.is_to_be_said());
        advance(SAY_AGAIN - Duration::from_secs(1)).await;
        assert!(!away.is_to_be_said());
        advance(Duration::from_secs(1)).await;
        assert!(away.is_to_be_said());
        assert!(!away.is_to_be_said());
        away.note_present();
        assert!(away.is_to_be_said());
    }
}
