//! What hosts ask.

use std::time::Duration;

use http::Method;
use innkeeper_model::{
    DhcpBinding, MacAddress, NetworkId, Origin, PluggedPort, PortOwner, Topology,
    TopologyGeneration,
};
use serde::{Deserialize, Serialize};

use crate::{Client, ControlError, ErrorCode, client::ANSWER_TIMEOUT, routes};

/// Whoever asks for an address by DHCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DhcpClient {
    /// The network that it asks on.
    pub network_id: NetworkId,
    /// Its MAC address.
    pub mac_address: MacAddress,
}

/// Which ports are asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortPrefixes {
    /// The first 11 characters of each port's id; at most 4096 of them.
    pub prefixes: Vec<String>,
}

impl Client {
    /// Finds whose address `origin` is. Reads only, so a lost connection is tried again.
    pub async fn port_owner_lookup(&self, origin: &Origin) -> Result<PortOwner, ControlError> {
        let body = self.call(Method::POST, routes::NETWORK_VIEW_LOOKUP, Some(origin), true).await?;
        self.parse(&body)
    }

    /// What DHCP has to tell whoever has this MAC address on this network; nothing if it is no
    /// port's. Reads only, so a lost connection is tried again.
    pub async fn dhcp_binding(
        &self,
        network_id: NetworkId,
        mac_address: MacAddress,
    ) -> Result<Option<DhcpBinding>, ControlError> {
        let client = DhcpClient { network_id, mac_address };
        let path = routes::NETWORK_VIEW_DHCP_BINDING;
        match self.call(Method::POST, path, Some(&client), true).await {
            Ok(body) => self.parse(&body).map(Some),
            Err(ControlError::Refused { code: ErrorCode::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The ports whose ids begin with one of `prefixes`, which are at most
    /// [`PORT_PREFIXES_MAX`](innkeeper_model::limits::PORT_PREFIXES_MAX). Reads only, so a lost
    /// connection is tried again.
    pub async fn plugged_ports(
        &self,
        prefixes: Vec<String>,
    ) -> Result<Vec<PluggedPort>, ControlError> {
        let path = routes::NETWORK_VIEW_PLUGGED_PORTS;
        let body = self.call(Method::POST, path, Some(&PortPrefixes { prefixes }), true).await?;
        self.parse(&body)
    }

    /// What hosts are to bring up. With `after`, waits up to `wait` (at most
    /// [`TOPOLOGY_WAIT_MAX`](crate::TOPOLOGY_WAIT_MAX)) for a generation that differs from it, and
    /// answers the unchanged topology if there is none.
    pub async fn topology(
        &self,
        after: Option<TopologyGeneration>,
        wait: Duration,
    ) -> Result<Topology, ControlError> {
        let wait = wait.min(crate::TOPOLOGY_WAIT_MAX);
        let path = match after {
            Some(after) => {
                format!("{}?after={after}&wait_seconds={}", routes::TOPOLOGY, wait.as_secs())
            }
            None => routes::TOPOLOGY.to_owned(),
        };
        let within = ANSWER_TIMEOUT + wait;
        let answer = self.exchange(Method::GET, &path, None::<&()>, true, within).await?;
        let body = self.accepted(answer)?;
        self.parse(&body)
    }
}
