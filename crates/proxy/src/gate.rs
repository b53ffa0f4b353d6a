//! One namespace that is served, and how its connections are let in.

use std::{sync::Arc, time::Duration};

use innkeeper_model::OriginScope;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{crowd::Crowd, listen::ListenAddress, namespace::Namespace};

/// How much of the role's connections one namespace may have: one tenant that holds all it can get
/// leaves seven eighths to the others. Of the full number it is as many as Neutron's proxy takes.
const NAMESPACE_SHARE: usize = 8;
/// How often, while there is no room, an idle connection is looked for: soon after one may go.
pub(crate) const ROOM_POLL: Duration = Duration::from_millis(50);

/// A served namespace.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// Whom it stands for.
    pub(crate) scope: OriginScope,
    /// Where it is listened in, and so which connections are meant for the service.
    pub(crate) address: ListenAddress,
    /// Itself, to be entered once more.
    pub(crate) namespace: Arc<Namespace>,
    /// Cancelled when the namespace has lost its name: everything in it is dropped at once.
    pub(crate) abandoned: CancellationToken,
    room: Arc<Semaphore>,
}

impl Gate {
    /// One of the namespaces of a role that serves `connections_max` connections in all.
    pub(crate) fn new(
        (scope, address): (OriginScope, ListenAddress),
        namespace: Namespace,
        connections_max: usize,
    ) -> Self {
        let room = Arc::new(Semaphore::new((connections_max / NAMESPACE_SHARE).max(1)));
        let namespace = Arc::new(namespace);
        Self { scope, address, namespace, abandoned: CancellationToken::new(), room }
    }

    /// Waits until the namespace may have one more connection; idle ones of its own make room.
    pub(crate) async fn room(&self, crowd: &Crowd) -> Option<OwnedSemaphorePermit> {
        // As nearly always there is.
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            return Some(room);
        }
        loop {
            let room = Arc::clone(&self.room).acquire_owned();
            match timeout(ROOM_POLL, room).await {
                // The semaphore is never closed.
                Ok(room) => return room.ok(),
                Err(_elapsed) => crowd.make_room(Some(self.scope)),
            }
        }
    }
}
