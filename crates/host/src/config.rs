use std::path::PathBuf;

use innkeeper_model::MetadataPath;

use crate::dhcp::DhcpSettings;

/// What the host role is set up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// Where namespaces have their names; `ip netns` uses `/run/netns`.
    pub netns_dir: PathBuf,
    /// How requests are caught in routers' namespaces.
    pub metadata_path: MetadataPath,
    /// Where the proxy listens in routers' namespaces, if requests are redirected.
    pub metadata_port: u16,
    /// The `nft` program; `None` looks in `PATH` and where distributions put it.
    pub nft: Option<PathBuf>,
    /// What DHCP tells guests of every network; `None`: it is not answered here.
    pub dhcp: Option<DhcpSettings>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            netns_dir: PathBuf::from("/run/netns"),
            metadata_path: MetadataPath::Redirect,
            metadata_port: 9697,
            nft: None,
            dhcp: Some(DhcpSettings::default()),
        }
    }
}
