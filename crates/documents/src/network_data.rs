//! `network_data.json`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use innkeeper_model::{Vif, VifRoute, VifSubnet};
use ipnet::IpNet;
use serde::Serialize;

use crate::{OpenStackVersion, Settings};

/// Interface types that guests are told; every other is a `phy` to them.
const KNOWN_LINK_TYPES: [&str; 8] =
    ["bridge", "dvs", "hw_veb", "hyperv", "ovs", "tap", "vhostuser", "vif"];

/// `network_data.json`, the same at every version; the order of the fields is the order of the
/// keys. Without any interface it is `{}`.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum NetworkData<'a> {
    Nothing {},
    Some { links: Vec<Link<'a>>, networks: Vec<Network<'a>>, services: Vec<Service> },
}

#[derive(Serialize)]
pub(crate) struct Link<'a> {
    id: String,
    vif_id: &'a str,
    r#type: &'a str,
    mtu: Option<u32>,
    ethernet_mac_address: &'a str,
}

#[derive(Serialize)]
pub(crate) struct Network<'a> {
    id: String,
    r#type: String,
    link: String,
    #[serde(flatten)]
    addressing: Option<Addressing>,
    network_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    services: Option<Vec<Service>>,
}

/// What a guest without DHCP must be told.
#[derive(Serialize)]
struct Addressing {
    ip_address: IpAddr,
    netmask: IpAddr,
    routes: Vec<Route>,
}

#[derive(Serialize)]
struct Route {
    network: IpAddr,
    netmask: IpAddr,
    gateway: IpAddr,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Service {
    r#type: &'static str,
    address: IpAddr,
}

pub(crate) fn document<'a>(vifs: &'a [Vif], settings: &Settings) -> NetworkData<'a> {
    if vifs.is_empty() {
        return NetworkData::Nothing {};
    }
    let (mut links, mut networks, mut services) = (Vec::new(), Vec::new(), Vec::new());
    for vif in vifs {
        let subnets = [first_subnet(vif, true), first_subnet(vif, false)];
        if subnets.iter().all(Option::is_none) {
            continue;
        }
        let link = link(vif, links.len());
        for subnet in subnets.into_iter().flatten() {
            let by_dhcp = is_by_dhcp(subnet, settings);
            let Some(network) = network(vif, subnet, by_dhcp, &link.id, networks.len()) else {
                continue;
            };
            networks.push(network);
            // A server named twice by one subnet stays named twice.
            let of_earlier_subnets = services.len();
            let new = dns(subnet)
                .into_iter()
                .filter(|service| !services[..of_earlier_subnets].contains(service))
                .collect::<Vec<_>>();
            services.extend(new);
        }
        links.push(link);
    }
    NetworkData::Some { links, networks, services }
}

/// Only the first subnet of each family counts; further ones were never shown.
pub(crate) fn first_subnet(vif: &Vif, ipv4: bool) -> Option<&VifSubnet> {
    let of_family = |cidr: IpNet| cidr.addr().is_ipv4() == ipv4;
    vif.subnets().iter().find(|subnet| subnet.cidr.is_some_and(of_family))
}

fn link(vif: &Vif, number: usize) -> Link<'_> {
    let devname = vif.devname.as_deref().filter(|name| !name.is_empty());
    let vif_type = vif.vif_type.as_deref().unwrap_or_default();
    // A DHCP server that is a port of the network tells the MTU itself.
    let told_by_dhcp = vif.subnets().iter().any(|subnet| subnet.meta.dhcp_server.is_some());
    Link {
        id: devname.map_or_else(|| format!("interface{number}"), str::to_owned),
        vif_id: &vif.id,
        r#type: if KNOWN_LINK_TYPES.contains(&vif_type) { vif_type } else { "phy" },
        mtu: vif.network.as_ref().and_then(|network| network.meta.mtu).filter(|_| !told_by_dhcp),
        ethernet_mac_address: &vif.address,
    }
}

/// A server that is a port always counted. The subnet's own flag, which is all that OVN has, has
/// counted since Nova 29: whoever asks for the documents of an older Nova gets its answer.
fn is_by_dhcp(subnet: &VifSubnet, settings: &Settings) -> bool {
    let flag_counts = settings.newest_openstack_version >= OpenStackVersion::V2025_04_04;
    subnet.meta.dhcp_server.is_some() || (flag_counts && subnet.meta.enable_dhcp == Some(true))
}

/// `None` if the interface has no address from the subnet. Of several only the first is shown.
fn network<'a>(
    vif: &'a Vif,
    subnet: &VifSubnet,
    by_dhcp: bool,
    link: &str,
    number: usize,
) -> Option<Network<'a>> {
    let ip = subnet.ips.first()?;
    let cidr = subnet.cidr?;
    let family = if cidr.addr().is_ipv4() { "ipv4" } else { "ipv6" };
    let (kind, told_in_full) = match subnet.meta.ipv6_address_mode.as_deref() {
        Some(mode) => (format!("ipv6_{mode}"), true),
        None if by_dhcp => (format!("{family}_dhcp"), false),
        None => (family.to_owned(), true),
    };
    let addressing = || Addressing {
        ip_address: ip.address,
        netmask: cidr.netmask(),
        routes: routes(subnet, cidr),
    };
    Some(Network {
        id: format!("network{number}"),
        r#type: kind,
        link: link.to_owned(),
        addressing: told_in_full.then(addressing),
        network_id: vif.network.as_ref().map_or("", |network| &network.id),
        services: told_in_full.then(|| dns(subnet)),
    })
}

/// The default route first, then the subnet's own; one of those may be a default route as well.
fn routes(subnet: &VifSubnet, cidr: IpNet) -> Vec<Route> {
    let unspecified: IpAddr = match cidr {
        IpNet::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpNet::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let default = subnet.gateway.iter().map(|gateway| Route {
        network: unspecified,
        netmask: unspecified,
        gateway: gateway.address,
    });
    let own = subnet.routes.iter().map(|VifRoute { cidr, gateway }| Route {
        network: cidr.network(),
        netmask: cidr.netmask(),
        gateway: gateway.address,
    });
    default.chain(own).collect()
}

fn dns(subnet: &VifSubnet) -> Vec<Service> {
    subnet.dns.iter().map(|server| Service { r#type: "dns", address: server.address }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(vifs: &serde_json::Value) -> serde_json::Value {
        let vifs: Vec<Vif> = serde_json::from_value(vifs.clone()).expect("network info");
        serde_json::from_slice(&crate::encode_json(&document(&vifs, &Settings::default())))
            .expect("JSON")
    }

    fn vif(vif_type: &str, subnets: &serde_json::Value) -> serde_json::Value {
        serde_json::json!({
            "id": "p", "address": "fa:16:3e:00:00:01", "type": vif_type, "devname": null,
            "network": {"id": "n", "subnets": subnets, "meta": {"mtu": 1450}},
        })
    }

    #[test]
    fn nothing_and_nothing_usable_differ() {
        assert_eq!(encoded(&serde_json::json!([])), serde_json::json!({}));
        let unusable = serde_json::json!([vif("ovs", &serde_json::json!([]))]);
        let expected = serde_json::json!({"links": [], "networks": [], "services": []});
        assert_eq!(encoded(&unusable), expected);
    }

    #[test]
    fn an_interface_without_subnets_takes_no_number() {
        let subnet = serde_json::json!([{
            "cidr": "10.0.0.0/24", "ips": [{"address": "10.0.0.5"}],
            "dns": [{"address": "9.9.9.9"}, {"address": "9.9.9.9"}],
        }]);
        let data = encoded(&serde_json::json!([
            vif("macvtap", &serde_json::json!([])),
            vif("macvtap", &subnet),
            vif("ovs", &subnet),
        ]));
        assert_eq!(data["links"][0]["id"], "interface0");
        assert_eq!(data["links"][0]["type"], "phy");
        assert_eq!(data["links"][1]["id"], "interface1");
        assert_eq!(data["networks"][1]["link"], "interface1");
        let servers = data["services"].as_array().expect("services");
        assert_eq!(servers.len(), 2, "twice by the first subnet, not again by the second");
    }

    #[test]
    fn only_a_dhcp_port_hides_the_mtu() {
        let subnet = |meta: serde_json::Value| {
            let subnet = serde_json::json!([{
                "cidr": "10.0.0.0/24", "ips": [{"address": "10.0.0.5"}], "meta": meta,
            }]);
            encoded(&serde_json::json!([vif("ovs", &subnet)]))
        };
        let by_port = subnet(serde_json::json!({"dhcp_server": "10.0.0.2"}));
        assert_eq!(by_port["links"][0]["mtu"], serde_json::Value::Null);
        assert_eq!(by_port["networks"][0]["type"], "ipv4_dhcp");
        let distributed = subnet(serde_json::json!({"enable_dhcp": true}));
        assert_eq!(distributed["links"][0]["mtu"], 1450);
        assert_eq!(distributed["networks"][0]["type"], "ipv4_dhcp");
    }
}
