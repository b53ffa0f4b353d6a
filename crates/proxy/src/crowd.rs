//! All connections of the role, so that those which only stand about make room for newcomers.
//!
//! Whoever holds as many idle connections as its namespace may have would else keep its neighbours
//! waiting for as long as an idle connection may last.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use innkeeper_model::OriginScope;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a connection may stand idle before it has to make room: a client that means to ask
/// does so within a few round trips, and one that waits for this long is not yet lost.
const IDLE_GRACE: Duration = Duration::from_secs(1);
#[allow(clippy::cast_possible_truncation, reason = "it is a second")]
const IDLE_GRACE_MS: u64 = IDLE_GRACE.as_millis() as u64;
/// In place of a time.
const BUSY: u64 = u64::MAX;
/// What times are counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The connections of a role. Clones are the same crowd.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<Standing>>);

#[derive(Debug, Default)]
struct Standing {
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

#[derive(Debug)]
struct Connection {
    scope: OriginScope,
    /// Since when it has no request in hand, in milliseconds since [`START`]; [`BUSY`] while it
    /// has. Here, so that a request touches nothing that others touch.
    idle_since: AtomicU64,
    dismissed: CancellationToken,
}

/// One connection's place in the crowd, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Crowd,
    number: u64,
    connection: Arc<Connection>,
}

/// For as long as it lives its connection is not idle.
#[derive(Debug)]
pub(crate) struct Answering<'a>(&'a Place);

impl Crowd {
    /// Takes a connection of `scope` in.
    pub(crate) fn enter(&self, scope: OriginScope) -> Place {
        let mut standing = self.lock();
        let number = standing.next;
        standing.next += 1;
        let dismissed = CancellationToken::new();
        let connection = Arc::new(Connection { scope, idle_since: now().into(), dismissed });
        standing.connections.insert(number, Arc::clone(&connection));
        Place { crowd: self.clone(), number, connection }
    }

    /// Dismisses those that stand idle, of one scope or of all: as many newcomers may wait.
    pub(crate) fn make_room(&self, of: Option<OriginScope>) {
        let now = now();
        self.lock().connections.retain(|_, connection| {
            let concerned = of.is_none_or(|scope| scope == connection.scope);
            let since = connection.idle_since.load(Ordering::Relaxed);
            let idle = since != BUSY && now.saturating_sub(since) >= IDLE_GRACE_MS;
            if concerned && idle {
                connection.dismissed.cancel();
            }
            !(concerned && idle)
        });
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        // Nothing in here can be left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Cancelled when the connection has to go.
    pub(crate) fn dismissed(&self) -> CancellationToken {
        self.connection.dismissed.clone()
    }

    /// Says that the connection has a request in hand.
    pub(crate) fn answering(&self) -> Answering<'_> {
        self.connection.idle_since.store(BUSY, Ordering::Relaxed);
        Answering(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.lock().connections.remove(&self.number);
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.connection.idle_since.store(now(), Ordering::Relaxed);
    }
}

fn now() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(BUSY - 1)
}

#[cfg(test)]
mod tests {
    use innkeeper_model::NetworkId;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_stands_idle_for_long_goes() {
        let crowd = Crowd::default();
        let scope = || OriginScope::Network(NetworkId::random());
        let (here, there) = (scope(), scope());
        let elsewhere = crowd.enter(there);
        let (busy, idle) = (crowd.enter(here), crowd.enter(here));
        let answering = busy.answering();
        let gone = |place: &Place| place.connection.dismissed.is_cancelled();
        crowd.make_room(Some(here));
        assert!(!gone(&idle), "it has hardly come");
        advance(IDLE_GRACE).await;
        crowd.make_room(Some(here));
        assert_eq!([&elsewhere, &busy, &idle].map(gone), [false, false, true]);
        drop(answering);
        crowd.make_room(Some(here));
        assert!(!gone(&busy), "one that was just answered stays for a while");
        crowd.make_room(None);
        assert!(gone(&elsewhere));
        drop((elsewhere, busy, idle));
        assert!(crowd.lock().connections.is_empty());
    }
}
