//! What a host must bring up: networks with their DHCP ports and routers with their interfaces.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{ExtraDhcpOption, HostRoute, MacAddress, NetworkId, PortId, RouterId, SubnetId};

/// Counts the changes of anything in a [`Topology`], in a [`DhcpBinding`] or in a [`PluggedPort`];
/// it only grows.
pub type TopologyGeneration = u64;

/// All networks and routers that hosts are to bring up, as of one generation.
///
/// Machines are not in it: there may be a million of them. What a host must know of one it asks for
/// by its port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Topology {
    /// Which change it includes last.
    pub generation: TopologyGeneration,
    /// All networks.
    pub networks: Vec<HostedNetwork>,
    /// Routers, with or without interfaces.
    pub routers: Vec<HostedRouter>,
}

/// A network: its bridge and, where a subnet has DHCP, its namespace (`qdhcp-<id>`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostedNetwork {
    /// The network.
    pub id: NetworkId,
    /// The bridge that its ports are plugged into.
    pub bridge: HostedBridge,
    /// The largest packet, in bytes.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// The DHCP port; without one there is no namespace.
    #[serde(default)]
    pub dhcp: Option<HostedInterface>,
    /// Every subnet, oldest first.
    pub subnets: Vec<HostedSubnet>,
    /// The DHCP port serves metadata even where a router could.
    pub force_metadata: bool,
    /// The DHCP port serves metadata on isolated subnets.
    pub isolated_metadata: bool,
}

/// A network's bridge on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostedBridge {
    /// The interface's name.
    pub name: String,
    /// Innkeeper makes it, and guards what is plugged in; otherwise it is an operator's, and only
    /// used.
    pub ours: bool,
}

/// A subnet, as DHCP tells guests of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostedSubnet {
    /// The subnet.
    pub id: SubnetId,
    /// Its range, host bits clear.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub cidr: IpNet,
    /// The way out.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub gateway_ip: Option<IpAddr>,
    /// Name servers, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub dns_nameservers: Vec<IpAddr>,
    /// Further routes, in order.
    pub host_routes: Vec<HostRoute>,
    /// Whether its addresses are given out by DHCP.
    pub enable_dhcp: bool,
    /// No router's port has its gateway address.
    pub isolated: bool,
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
    /// The port's MAC address.
    pub mac_address: MacAddress,
    /// The port's addresses, each with its subnet's prefix length.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub addresses: Vec<IpNet>,
    /// Which metadata addresses are this port's to hold: of each network one port holds each.
    pub metadata: MetadataHolder,
}

/// Whether a port is its network's holder of the metadata address, by family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetadataHolder {
    /// 169.254.169.254.
    pub ipv4: bool,
    /// fe80::a9fe:a9fe.
    pub ipv6: bool,
}

/// What DHCP has to tell whoever is plugged into a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DhcpBinding {
    /// The port.
    pub port_id: PortId,
    /// Its addresses, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub addresses: Vec<IpAddr>,
    /// The machine's host name, without a domain; none if no machine is plugged in.
    #[serde(default)]
    pub host_name: Option<String>,
    /// Further options of this port alone.
    pub extra_options: Vec<ExtraDhcpOption>,
}

/// A port that a machine on a host may be plugged into: what may come from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PluggedPort {
    /// The port.
    pub id: PortId,
    /// The network it is on.
    pub network_id: NetworkId,
    /// Its MAC address.
    pub mac_address: MacAddress,
    /// Its addresses.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub addresses: Vec<IpAddr>,
}
