//! What a host must bring up: networks with a DHCP port and routers with interfaces.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{MacAddress, NetworkId, PortId, RouterId};

/// Counts the changes of anything in a [`Topology`]; it only grows.
pub type TopologyGeneration = u64;

/// All networks and routers that hosts are to bring up, as of one generation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Topology {
    /// Which change it includes last.
    pub generation: TopologyGeneration,
    /// Networks that have a DHCP port.
    pub networks: Vec<HostedNetwork>,
    /// Routers, with or without interfaces.
    pub routers: Vec<HostedRouter>,
}

/// A network whose DHCP namespace (`qdhcp-<id>`) a host brings up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostedNetwork {
    /// The network.
    pub id: NetworkId,
    /// The DHCP port.
    pub interface: HostedInterface,
    /// Whether 169.254.169.254 is to be on the DHCP port: some subnet with DHCP is isolated, or
    /// the network forces it. Where it is not, the router is the one holder.
    pub metadata: bool,
}

/// A router whose namespace (`qrouter-<id>`) a host brings up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostedRouter {
    /// The router.
    pub id: RouterId,
    /// One interface per attached subnet.
    pub interfaces: Vec<HostedInterface>,
}

/// A port of ours inside a namespace, plugged into its network's bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostedInterface {
    /// The port.
    pub port_id: PortId,
    /// The network it is on.
    pub network_id: NetworkId,
    /// The bridge on the host.
    pub bridge: String,
    /// The port's MAC address.
    pub mac_address: MacAddress,
    /// The network's MTU.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// The port's addresses, each with its subnet's prefix length.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub addresses: Vec<IpNet>,
}
