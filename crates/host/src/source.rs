use std::{future::Future, time::Duration};

use innkeeper_model::{
    DhcpBinding, MacAddress, NetworkId, PluggedPort, Topology, TopologyGeneration,
};
use innkeeper_network_view::{NetworkView, ViewUnavailable};

/// Where the host role learns what is to be: the network view, or a test's script.
pub trait NetworkSource: Clone + Send + Sync + 'static {
    /// All networks and routers; see [`NetworkView::topology`].
    fn topology(
        &self,
        after: Option<TopologyGeneration>,
        wait: Duration,
    ) -> impl Future<Output = Result<Topology, ViewUnavailable>> + Send;

    /// The ports whose ids begin so; see [`NetworkView::plugged_ports`].
    fn plugged_ports(
        &self,
        prefixes: Vec<String>,
    ) -> impl Future<Output = Result<Vec<PluggedPort>, ViewUnavailable>> + Send;

    /// What DHCP has to tell a machine; see [`NetworkView::dhcp_binding`].
    fn dhcp_binding(
        &self,
        network: NetworkId,
        mac: MacAddress,
    ) -> impl Future<Output = Result<Option<DhcpBinding>, ViewUnavailable>> + Send;
}

impl NetworkSource for NetworkView {
    async fn topology(
        &self,
        after: Option<TopologyGeneration>,
        wait: Duration,
    ) -> Result<Topology, ViewUnavailable> {
        Self::topology(self, after, wait).await
    }

    async fn plugged_ports(
        &self,
        prefixes: Vec<String>,
    ) -> Result<Vec<PluggedPort>, ViewUnavailable> {
        Self::plugged_ports(self, prefixes).await
    }

    async fn dhcp_binding(
        &self,
        network: NetworkId,
        mac: MacAddress,
    ) -> Result<Option<DhcpBinding>, ViewUnavailable> {
        Self::dhcp_binding(self, network, mac).await
    }
}
