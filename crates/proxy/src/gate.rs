//! One namespace that is served, and how its connections are let in.

use std::sync::Arc;

use innkeeper_model::OriginScope;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Connections of one namespace at once. Neutron's proxy takes as many; one tenant that holds all
/// it can get leaves seven eighths of the role's connections to the others.
const NAMESPACE_CONNECTIONS_MAX: usize = 1_024;

/// A served namespace.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// Whom it stands for.
    pub(crate) scope: OriginScope,
    /// Cancelled when the namespace has lost its name: everything in it is dropped at once.
    pub(crate) abandoned: CancellationToken,
    room: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(scope: OriginScope) -> Self {
        let room = Arc::new(Semaphore::new(NAMESPACE_CONNECTIONS_MAX));
        Self { scope, abandoned: CancellationToken::new(), room }
    }

    /// Waits until the namespace may have one more connection.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.room).acquire_owned().await.ok()
    }
}
