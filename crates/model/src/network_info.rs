//! The network info of a machine, in the shape in which Nova keeps it (its info cache).
//!
//! It deserialises from Nova's own JSON, so an imported machine can carry it verbatim; for our own
//! machines the store derives it from ports, networks and subnets. Fields that no document reads
//! are left out. The shape is recorded in `tests/conformance` as `network_info`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

/// A virtual interface: one port of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vif {
    /// The port's id.
    pub id: String,
    /// The port's MAC address.
    pub address: String,
    /// The network it is on. Nova's cache may have none; such an interface is not shown.
    #[serde(default)]
    pub network: Option<VifNetwork>,
    /// How it is plugged in: `ovs`, `bridge`, …
    #[serde(rename = "type", default)]
    pub vif_type: Option<String>,
    /// The name of its device on the host.
    #[serde(default)]
    pub devname: Option<String>,
    /// `normal`, `direct`, …
    #[serde(default)]
    pub vnic_type: Option<String>,
}

impl Vif {
    /// The subnets from which it has addresses, in order.
    pub fn subnets(&self) -> &[VifSubnet] {
        self.network.as_ref().map_or(&[], |network| &network.subnets)
    }
}

/// The network of an interface, with the subnets from which the interface has addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifNetwork {
    /// The network's id.
    pub id: String,
    /// The network's name.
    #[serde(default)]
    pub label: Option<String>,
    /// Subnets, in order.
    #[serde(default)]
    pub subnets: Vec<VifSubnet>,
    /// MTU and the rest.
    #[serde(default)]
    pub meta: VifNetworkMeta,
}

/// What is known of a network beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VifNetworkMeta {
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Whether the configuration is to be injected as a file.
    pub injected: bool,
    /// The owner.
    pub tenant_id: Option<String>,
}

/// A subnet, with the addresses that the interface has from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifSubnet {
    /// The range; Nova may keep it with host bits.
    pub cidr: Option<IpNet>,
    /// Name servers, in order.
    #[serde(default)]
    pub dns: Vec<VifAddress>,
    /// The gateway. Nova writes "none" as an address that is null.
    #[serde(default, deserialize_with = "address_or_none")]
    pub gateway: Option<VifAddress>,
    /// The interface's addresses, in order.
    #[serde(default)]
    pub ips: Vec<VifIp>,
    /// Further routes, in order.
    #[serde(default)]
    pub routes: Vec<VifRoute>,
    /// How addresses are given out.
    #[serde(default)]
    pub meta: VifSubnetMeta,
}

/// How a subnet gives out its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VifSubnetMeta {
    /// The address of a DHCP server that is a port of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dhcp_server: Option<IpAddr>,
    /// Whether the subnet is set to use DHCP, wherever the server is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_dhcp: Option<bool>,
    /// `slaac`, `dhcpv6-stateful` or `dhcpv6-stateless`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_address_mode: Option<String>,
}

/// An address that is not the interface's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifAddress {
    /// The address.
    pub address: IpAddr,
}

/// An address of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifIp {
    /// The fixed address.
    pub address: IpAddr,
    /// Outside addresses that lead to it, in order.
    #[serde(default)]
    pub floating_ips: Vec<VifAddress>,
}

/// A route that guests of the subnet are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifRoute {
    /// Where to.
    pub cidr: IpNet,
    /// Via which address.
    pub gateway: VifAddress,
}

fn address_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<VifAddress>, D::Error> {
    #[derive(Deserialize)]
    struct Nullable {
        address: Option<IpAddr>,
    }
    let read = Option::<Nullable>::deserialize(deserializer)?;
    Ok(read.and_then(|gateway| gateway.address).map(|address| VifAddress { address }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_may_be_absent_in_three_ways() {
        let gateway = |json: &str| {
            let subnet: VifSubnet = serde_json::from_str(json).expect("a subnet");
            subnet.gateway.map(|gateway| gateway.address.to_string())
        };
        assert_eq!(gateway(r#"{"cidr": "10.0.0.0/24"}"#), None);
        assert_eq!(gateway(r#"{"cidr": "10.0.0.0/24", "gateway": null}"#), None);
        assert_eq!(gateway(r#"{"cidr": "10.0.0.0/24", "gateway": {"address": null}}"#), None);
        let given = gateway(r#"{"cidr": "10.0.0.0/24", "gateway": {"address": "10.0.0.1"}}"#);
        assert_eq!(given.as_deref(), Some("10.0.0.1"));
    }
}
