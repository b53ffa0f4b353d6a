use std::path::PathBuf;

use innkeeper_wire::limits::CONNECTIONS_MAX;

/// What the proxy role is set up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Where namespaces have their names; it need not exist yet.
    pub netns_dir: PathBuf,
    /// Where to listen in routers' namespaces: what their rules redirect to.
    pub metadata_port: u16,
    /// Connections served at once, over all namespaces.
    pub connections_max: usize,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            netns_dir: PathBuf::from("/run/netns"),
            metadata_port: 9697,
            connections_max: CONNECTIONS_MAX,
        }
    }
}
