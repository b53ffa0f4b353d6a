//! Connections kept for reuse.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use crate::limits::{IDLE_CONNECTIONS_MAX, IDLE_TIMEOUT};

/// Idle connections to one address, the most recently used last.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    sender: SendRequest<Full<Bytes>>,
    since: Instant,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A connection that can take a request, as far as this side knows.
    pub(super) async fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        loop {
            let mut sender = self.newest()?;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn keep(&self, sender: SendRequest<Full<Bytes>>) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.lock();
        forget_old(&mut idle);
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    /// Forgets all: where one turned out dead, the others made before the restart are dead too.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn newest(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.lock();
        forget_old(&mut idle);
        idle.pop().map(|idle| idle.sender)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        // Nothing in here can be left half done by a panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.lock().len()).finish()
    }
}

/// They are in order of age, so the old ones are the first ones.
fn forget_old(idle: &mut Vec<Idle>) {
    let old = idle.iter().take_while(|idle| idle.since.elapsed() >= IDLE_TIMEOUT).count();
    idle.drain(..old);
}
