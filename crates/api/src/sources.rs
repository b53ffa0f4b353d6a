//! Clock and entropy.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use innkeeper_documents::CivilDate;
use innkeeper_model::UnixSeconds;
use rand::Rng as _;

/// What documents depend on beside the database: today's date, and random bytes.
#[derive(Clone)]
pub struct Sources {
    now: Arc<Clock>,
    entropy: Arc<Entropy>,
}

type Clock = dyn Fn() -> UnixSeconds + Send + Sync;
type Entropy = dyn Fn(&mut [u8]) + Send + Sync;

impl Sources {
    /// The system's clock, and random bytes of the thread's own generator: ChaCha12, which starts
    /// with what the kernel gives and does so again every 64 KiB. The kernel's own would be a system
    /// call for each reader.
    pub fn system() -> Self {
        Self::new(system_now, |bytes| rand::rng().fill_bytes(bytes))
    }

    /// A clock and an origin of random bytes of one's own.
    pub fn new(
        now: impl Fn() -> UnixSeconds + Send + Sync + 'static,
        entropy: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), entropy: Arc::new(entropy) }
    }

    /// Today, in UTC.
    pub(crate) fn today(&self) -> CivilDate {
        CivilDate::from_unix((self.now)())
    }

    /// Fills `bytes` at random.
    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        (self.entropy)(bytes);
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// A clock before 1970 counts as 1970: then no version is listed but `latest`, and all are served.
fn system_now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds::try_from(since.as_secs()).unwrap_or(UnixSeconds::MAX)
}
