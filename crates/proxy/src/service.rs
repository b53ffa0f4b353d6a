//! What all listeners of a role share.

use std::sync::Arc;

use innkeeper_wire::server::Connections;
use prometheus_client::{metrics::counter::Counter, registry::Registry};

use crate::{crowd::Crowd, handler::GuestHandler, identify::Identifier};

/// What guests are served with, whatever namespace they are in.
#[derive(Debug)]
pub(crate) struct Service<N> {
    pub(crate) connections: Connections,
    pub(crate) crowd: Crowd,
    pub(crate) handler: Arc<GuestHandler<N>>,
    pub(crate) identifier: Identifier,
    /// Connections that came to another address than the service's.
    pub(crate) misdirected: Counter,
}

/// Registers `innkeeper_proxy_misdirected_connections_total`.
pub(crate) fn register(registry: &mut Registry) -> Counter {
    let misdirected = Counter::default();
    registry.sub_registry_with_prefix("innkeeper").sub_registry_with_prefix("proxy").register(
        "misdirected_connections",
        "Connections to port 80 of an address that is not the service's, reset unread",
        misdirected.clone(),
    );
    misdirected
}
