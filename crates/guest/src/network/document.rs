//! `network_data.json` with its shape proven: what is wrong with one is told by its place.
//!
//! Keys that are not known are passed over, so that what a newer Nova adds harms nobody.

use std::{collections::HashSet, net::IpAddr};

use serde_json::Value;

use super::{
    Mac, NetworkError, limits,
    node::Node,
    prefix::{Mask, Prefix},
};

#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) links: Vec<Link<'a>>,
    pub(super) networks: Vec<Network<'a>>,
    pub(super) servers: Vec<IpAddr>,
}

#[derive(Debug)]
pub(super) struct Link<'a> {
    pub(super) id: &'a str,
    pub(super) mtu: Option<u32>,
    pub(super) kind: LinkKind<'a>,
}

#[derive(Debug)]
pub(super) enum LinkKind<'a> {
    /// Every type but the other two: what is behind the interface is the host's business.
    Physical {
        mac: Mac,
    },
    Bond {
        mac: Option<Mac>,
        members: Vec<&'a str>,
        options: BondOptions,
    },
    Vlan {
        mac: Option<Mac>,
        parent: &'a str,
        vlan_id: u16,
    },
}

/// How a bond spreads its packets; texts are the kernel's own names, and only those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BondOptions {
    pub(super) mode: &'static str,
    /// Milliseconds; 0 is never.
    pub(super) mii_monitor: u32,
    pub(super) transmit_hash_policy: Option<&'static str>,
}

#[derive(Debug)]
pub(super) struct Network<'a> {
    pub(super) id: &'a str,
    pub(super) link: &'a str,
    pub(super) addressing: Addressing<'a>,
    pub(super) routes: Vec<Route>,
    pub(super) servers: Vec<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addressing<'a> {
    Static(Prefix),
    Dhcp4,
    /// Addresses from router advertisements, further settings from DHCPv6 if `dhcp`.
    Slaac {
        dhcp: bool,
    },
    /// The address from DHCPv6, the default route from router advertisements.
    Dhcp6,
    Unknown(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) destination: Prefix,
    pub(super) gateway: IpAddr,
}

pub(super) const BOND_MODES: [&str; 7] = [
    "802.3ad",
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "balance-tlb",
    "balance-alb",
];

pub(super) const TRANSMIT_HASH_POLICIES: [&str; 5] =
    ["layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4"];

/// What the kernel's documentation advises; without any, a bond keeps sending into a dead member.
const DEFAULT_MII_MONITOR: u32 = 100;

impl<'a> Document<'a> {
    pub(super) fn parse(value: &'a Value) -> Result<Self, NetworkError> {
        let root = Node::root(value);
        let links =
            root.list("links", limits::LINKS)?.iter().map(link).collect::<Result<Vec<_>, _>>()?;
        let mut ids = HashSet::new();
        if let Some(number) = links.iter().position(|link| !ids.insert(link.id)) {
            let problem = format!("links[{number}] has the id of an earlier link");
            return Err(root.wrong(&problem));
        }
        let networks = root
            .list("networks", limits::NETWORKS)?
            .iter()
            .map(|node| network(node, &ids))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { links, networks, servers: servers(&root)? })
    }
}

fn link<'a>(node: &Node<'a>) -> Result<Link<'a>, NetworkError> {
    let id = node.required("id")?.text(limits::ID_CHARS)?;
    let kind = match node.required("type")?.text(limits::ID_CHARS)? {
        "bond" => bond(node)?,
        "vlan" => vlan(node)?,
        _ => LinkKind::Physical { mac: mac(&node.required("ethernet_mac_address")?)? },
    };
    let mtu = node.optional("mtu")?.map(|mtu| number_in(&mtu, &limits::MTU)).transpose()?;
    Ok(Link { id, mtu, kind })
}

fn bond<'a>(node: &Node<'a>) -> Result<LinkKind<'a>, NetworkError> {
    let members = node
        .list("bond_links", limits::BOND_MEMBERS)?
        .iter()
        .map(|member| member.text(limits::ID_CHARS))
        .collect::<Result<_, _>>()?;
    let mii_monitor = node
        .optional("bond_miimon")?
        .map(|node| number_in(&node, &limits::MII_MONITOR_MILLISECONDS))
        .transpose()?;
    let transmit_hash_policy = node
        .optional("bond_xmit_hash_policy")?
        .map(|node| one_of(&node, &TRANSMIT_HASH_POLICIES))
        .transpose()?;
    let options = BondOptions {
        mode: one_of(&node.required("bond_mode")?, &BOND_MODES)?,
        mii_monitor: mii_monitor.unwrap_or(DEFAULT_MII_MONITOR),
        transmit_hash_policy,
    };
    let mac = node.optional("ethernet_mac_address")?.as_ref().map(mac).transpose()?;
    Ok(LinkKind::Bond { mac, members, options })
}

fn vlan<'a>(node: &Node<'a>) -> Result<LinkKind<'a>, NetworkError> {
    let id = node.required("vlan_id")?;
    let vlan_id = u16::try_from(id.number()?)
        .ok()
        .filter(|vlan_id| limits::VLAN_IDS.contains(vlan_id))
        .ok_or_else(|| id.wrong("must be between 1 and 4094"))?;
    Ok(LinkKind::Vlan {
        mac: node.optional("vlan_mac_address")?.as_ref().map(mac).transpose()?,
        parent: node.required("vlan_link")?.text(limits::ID_CHARS)?,
        vlan_id,
    })
}

fn network<'a>(node: &Node<'a>, links: &HashSet<&str>) -> Result<Network<'a>, NetworkError> {
    let link = node.required("link")?;
    let kind = node.required("type")?.text(limits::ID_CHARS)?;
    let addressing = match kind {
        "ipv4" => Addressing::Static(own_address(node, true)?),
        "ipv6" => Addressing::Static(own_address(node, false)?),
        "ipv4_dhcp" => Addressing::Dhcp4,
        "ipv6_dhcp" | "ipv6_dhcpv6-stateful" => Addressing::Dhcp6,
        "ipv6_slaac" => Addressing::Slaac { dhcp: false },
        "ipv6_dhcpv6-stateless" => Addressing::Slaac { dhcp: true },
        unknown => Addressing::Unknown(unknown),
    };
    let is_ipv4 = kind.starts_with("ipv4");
    // Of what is not known, not even the family of its routes is.
    let most =
        if matches!(addressing, Addressing::Unknown(_)) { None } else { Some(limits::ROUTES) };
    let routes = most
        .map_or_else(|| Ok(Vec::new()), |most| node.list("routes", most))?
        .iter()
        .map(|route_node| route(route_node, is_ipv4))
        .collect::<Result<_, _>>()?;
    let network = Network {
        id: node.optional("id")?.map_or(Ok(""), |id| id.text(limits::ID_CHARS))?,
        link: link.text(limits::ID_CHARS)?,
        addressing,
        routes,
        servers: servers(node)?,
    };
    if !links.contains(network.link) {
        return Err(link.wrong(&format!("{:?} is the id of no link", network.link)));
    }
    Ok(network)
}

fn own_address(node: &Node<'_>, is_ipv4: bool) -> Result<Prefix, NetworkError> {
    let prefix = prefix(node, "ip_address", is_ipv4)?;
    let address = prefix.address();
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        return Err(node.required("ip_address")?.wrong("is no address that a machine can have"));
    }
    Ok(prefix)
}

fn route(node: &Node<'_>, is_ipv4: bool) -> Result<Route, NetworkError> {
    let destination = prefix(node, "network", is_ipv4)?.network();
    let gateway_node = node.required("gateway")?;
    let gateway: IpAddr = gateway_node.parsed("an IP address")?;
    if gateway.is_ipv4() != is_ipv4 {
        return Err(gateway_node.wrong("is of the other family than the network"));
    }
    if gateway.is_unspecified() || gateway.is_multicast() || gateway.is_loopback() {
        return Err(gateway_node.wrong("is no address that a gateway can have"));
    }
    Ok(Route { destination, gateway })
}

/// The address under `key` with the prefix that `netmask` gives, or its own behind a slash.
fn prefix(node: &Node<'_>, key: &str, is_ipv4: bool) -> Result<Prefix, NetworkError> {
    let at = node.required(key)?;
    let text = at.text(limits::ID_CHARS)?;
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, length.parse::<u8>().ok().map(Mask::Length)),
        None => (text, Some(node.required("netmask")?.parsed("a netmask")?)),
    };
    let address: Option<IpAddr> = address.parse().ok();
    let Some(address) = address.filter(|address| address.is_ipv4() == is_ipv4) else {
        let family = if is_ipv4 { "IPv4" } else { "IPv6" };
        return Err(at.wrong(&format!("{text:?} is not an {family} address")));
    };
    length.and_then(|mask| Prefix::with_mask(address, mask)).ok_or_else(|| {
        at.wrong("has a netmask that is not its family's; write it like 255.255.255.0 or ffff::")
    })
}

/// Servers of type `dns`; Nova knows no other, and a newer one's are not for us.
fn servers(node: &Node<'_>) -> Result<Vec<IpAddr>, NetworkError> {
    let mut servers = Vec::new();
    for service in node.list("services", limits::SERVICES)? {
        if service.required("type")?.text(limits::ID_CHARS)? != "dns" {
            continue;
        }
        let address: IpAddr = service.required("address")?.parsed("an IP address")?;
        if !servers.contains(&address) {
            servers.push(address);
        }
    }
    Ok(servers)
}

fn mac(node: &Node<'_>) -> Result<Mac, NetworkError> {
    node.parsed("a MAC address, like fa:16:3e:00:00:01")
}

fn number_in(node: &Node<'_>, range: &std::ops::RangeInclusive<u32>) -> Result<u32, NetworkError> {
    let number = node.number()?;
    if range.contains(&number) {
        return Ok(number);
    }
    let (least, most) = (range.start(), range.end());
    Err(node.wrong(&format!("is {number}, must be between {least} and {most}")))
}

fn one_of(node: &Node<'_>, known: &[&'static str]) -> Result<&'static str, NetworkError> {
    let text = node.text(limits::ID_CHARS)?;
    known
        .iter()
        .find(|name| **name == text)
        .copied()
        .ok_or_else(|| node.wrong(&format!("{text:?} is none of {}", known.join(", "))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(document: &Value) -> String {
        Document::parse(document).expect_err("a bad document").to_string()
    }

    #[test]
    fn a_bad_document_is_refused_by_place() {
        let link = json!({"id": "a", "type": "phy", "ethernet_mac_address": "fa:16:3e:00:00:01"});
        let with = |network: Value| json!({"links": [link], "networks": [network]});
        for (document, place) in [
            (json!([]), "the document: must be an object"),
            (json!({"links": {}}), "links: must be an array"),
            (json!({"links": [{"id": 1}]}), "links[0].id: must be a string"),
            (
                json!({"links": [{"id": "a", "type": "phy"}]}),
                "links[0].ethernet_mac_address: is missing",
            ),
            (json!({"links": [link, link]}), "links[1] has the id of an earlier link"),
            (
                with(json!({"type": "ipv4_dhcp", "link": "b"})),
                "networks[0].link: \"b\" is the id of no link",
            ),
            (
                with(json!({"type": "ipv4", "link": "a", "ip_address": "::1", "netmask": "::"})),
                "networks[0].ip_address: \"::1\" is not an IPv4 address",
            ),
            (
                with(
                    json!({"type": "ipv4", "link": "a", "ip_address": "10.0.0.1", "netmask": "255.0.255.0"}),
                ),
                "networks[0].netmask: \"255.0.255.0\" is not a netmask",
            ),
            (
                with(
                    json!({"type": "ipv6_slaac", "link": "a", "routes": [{"network": "::", "netmask": "::", "gateway": "10.0.0.1"}]}),
                ),
                "networks[0].routes[0].gateway: is of the other family",
            ),
        ] {
            let refusal = refusal(&document);
            assert!(refusal.contains(place), "{refusal:?} should contain {place:?}");
        }
    }

    #[test]
    fn too_much_is_refused() {
        let link = |number: usize| json!({"id": number.to_string(), "type": "phy", "ethernet_mac_address": "fa:16:3e:00:00:01"});
        let links: Vec<_> = (0..=limits::LINKS).map(link).collect();
        assert!(refusal(&json!({"links": links})).contains("links: has 129 elements, at most 128"));
        let long = "x".repeat(limits::ID_CHARS + 1);
        assert!(refusal(&json!({"links": [{"id": long}]})).contains("longer than 128"));
    }

    #[test]
    fn what_nova_may_add_is_passed_over() {
        let document = json!({
            "version": 3,
            "links": [{"id": "a", "type": "new", "mtu": null, "ethernet_mac_address": "FA-16-3E-00-00-01", "queues": 4}],
            "networks": [{"id": "n", "type": "ipv6_new", "link": "a"}],
            "services": [{"type": "ntp", "address": "time.example"}, {"type": "dns", "address": "::1"}],
        });
        let document = Document::parse(&document).expect("a document");
        assert_eq!(document.links[0].mtu, None);
        assert_eq!(document.networks[0].addressing, Addressing::Unknown("ipv6_new"));
        assert_eq!(document.servers.len(), 1);
    }
}
