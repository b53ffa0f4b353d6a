use std::path::PathBuf;

use innkeeper_model::MetadataPath;
use innkeeper_wire::limits::CONNECTIONS_MAX;

use crate::listen::ListenAddress;

/// Descriptors that are kept for all but connections: namespaces' listeners, the database, logs.
const DESCRIPTORS_KEPT: u64 = 128;
/// A connection needs its own descriptor, and while it is answered one inward.
const DESCRIPTORS_PER_CONNECTION: u64 = 2;
/// With fewer a role would not be worth starting.
const CONNECTIONS_MIN: usize = 16;

/// What the proxy role is set up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Where namespaces have their names; it need not exist yet.
    pub netns_dir: PathBuf,
    /// Where to listen in routers' namespaces: what their rules redirect to.
    pub metadata_port: u16,
    /// Whether there are such rules, or routers have the service's own address.
    pub metadata_path: MetadataPath,
    /// Connections served at once, over all namespaces.
    pub connections_max: usize,
}

impl ProxyConfig {
    /// Where to listen in the namespaces of routers.
    pub(crate) fn router_address(&self) -> ListenAddress {
        match self.metadata_path {
            MetadataPath::Redirect => ListenAddress::Wildcard(self.metadata_port),
            MetadataPath::Address => ListenAddress::Metadata,
        }
    }

    /// How many connections a process may serve that may have this many descriptors: without any
    /// left, nobody could be let in and nobody asked, and one tenant could bring that about.
    pub fn connections_within(descriptors: u64) -> usize {
        let room = descriptors.saturating_sub(DESCRIPTORS_KEPT) / DESCRIPTORS_PER_CONNECTION;
        usize::try_from(room).unwrap_or(usize::MAX).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
    }
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            netns_dir: PathBuf::from("/run/netns"),
            metadata_port: 9697,
            metadata_path: MetadataPath::default(),
            connections_max: CONNECTIONS_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_bound_connections() {
        for (descriptors, connections) in [
            (0, 16),
            (256, 64),
            (1_024, 448),
            (20_000, CONNECTIONS_MAX),
            (u64::MAX, CONNECTIONS_MAX),
        ] {
            assert_eq!(ProxyConfig::connections_within(descriptors), connections, "{descriptors}");
        }
    }
}
