//! All connections of the role, so that those which only stand about make room for newcomers.
//!
//! Whoever holds as many idle connections as its namespace may have would else keep its neighbours
//! waiting for as long as an idle connection may last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use innkeeper_model::OriginScope;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a connection may stand idle before it has to make room: a client that means to ask
/// does so within a few round trips, and one that waits for this long is not yet lost.
const IDLE_GRACE: Duration = Duration::from_secs(1);

/// The connections of a role. Clones are the same crowd.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<Standing>>);

#[derive(Debug, Default)]
struct Standing {
    next: u64,
    connections: HashMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    scope: OriginScope,
    /// Since when it has no request in hand; nothing while it has.
    idle_since: Option<Instant>,
    dismissed: CancellationToken,
}

/// One connection's place in the crowd, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Crowd,
    number: u64,
    dismissed: CancellationToken,
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
        let idle_since = Some(Instant::now());
        let connection = Connection { scope, idle_since, dismissed: dismissed.clone() };
        standing.connections.insert(number, connection);
        Place { crowd: self.clone(), number, dismissed }
    }

    /// Dismisses those that stand idle, of one scope or of all: as many newcomers may wait.
    pub(crate) fn make_room(&self, of: Option<OriginScope>) {
        let now = Instant::now();
        self.lock().connections.retain(|_, connection| {
            let concerned = of.is_none_or(|scope| scope == connection.scope);
            let idle = connection.idle_since.is_some_and(|since| now - since >= IDLE_GRACE);
            if concerned && idle {
                connection.dismissed.cancel();
            }
            !(concerned && idle)
        });
    }

    fn set_idle_since(&self, number: u64, since: Option<Instant>) {
        if let Some(connection) = self.lock().connections.get_mut(&number) {
            connection.idle_since = since;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        // Nothing in here can be left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Cancelled when the connection has to go.
    pub(crate) fn dismissed(&self) -> CancellationToken {
        self.dismissed.clone()
    }

    /// Says that the connection has a request in hand.
    pub(crate) fn answering(&self) -> Answering<'_> {
        self.crowd.set_idle_since(self.number, None);
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
        self.0.crowd.set_idle_since(self.0.number, Some(Instant::now()));
    }
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
        let gone = |place: &Place| place.dismissed.is_cancelled();
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
