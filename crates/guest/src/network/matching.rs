//! Which interface of the machine each link of the document is, and what that one gets.

use std::{collections::HashMap, net::IpAddr};

use super::{
    Interface, Mac, Refusal,
    document::{Addressing, Document, Link, LinkKind, Network, Route},
    name::InterfaceName,
    plan::{Automatic6, Device, DeviceKind, Plan, PlannedRoute},
};

/// The metric of the second route to a destination is one more, of the third two more. More than
/// the kernel's own for either family (0 and 1024), so that the first route stays the first.
const METRIC_OF_FIRST: u32 = 1024;

/// Not `vlan`: Debian's scripts for ifupdown believe an interface of that name to be theirs to make.
const VLAN_STEM: &str = "vl";

/// Links that became interfaces, and what could not be one.
struct Matching<'a> {
    document: &'a Document<'a>,
    interfaces: &'a [Interface],
    devices: Vec<Device>,
    by_link: HashMap<&'a str, usize>,
    refusals: Vec<Refusal>,
}

pub(super) fn plan(document: &Document<'_>, interfaces: &[Interface]) -> Plan {
    let mut matching = Matching {
        document,
        interfaces,
        devices: Vec::new(),
        by_link: HashMap::new(),
        refusals: Vec::new(),
    };
    // A bond is of interfaces, a VLAN of those or of a bond: in this order each finds its own.
    for link in &document.links {
        matching.physical(link);
    }
    for link in &document.links {
        matching.bond(link);
    }
    for link in &document.links {
        matching.vlan(link);
    }
    for network in &document.networks {
        matching.network(network);
    }
    let servers = matching.name_servers();
    let Matching { mut devices, refusals, .. } = matching;
    for device in &mut devices {
        settle_gateways(device);
    }
    settle_metrics(&mut devices);
    Plan { devices, servers, refusals }
}

impl<'a> Matching<'a> {
    fn physical(&mut self, link: &Link<'a>) {
        let LinkKind::Physical { mac } = link.kind else { return };
        match self.interface_of(link.id, mac) {
            Ok((interface, name)) => {
                let kind = DeviceKind::Present { mac, index: interface.index, bond: None };
                self.add(link, name, kind);
            }
            Err(refusal) => self.refusals.push(refusal),
        }
    }

    fn interface_of(&self, id: &str, mac: Mac) -> Result<(&'a Interface, InterfaceName), Refusal> {
        let link = id.to_owned();
        let all: Vec<_> = self.interfaces.iter().filter(|one| one.mac == mac).collect();
        let interface = match all[..] {
            [] => return Err(Refusal::NoInterface { link, mac }),
            [interface] => interface,
            _ => {
                let names = all.iter().map(|one| one.name.clone()).collect();
                return Err(Refusal::Ambiguous { link, mac, names });
            }
        };
        let Some(name) = InterfaceName::new(&interface.name) else {
            return Err(Refusal::Name { link, name: interface.name.clone() });
        };
        if self.devices.iter().any(|device| device.name == name) {
            return Err(Refusal::Taken { link, name: interface.name.clone() });
        }
        Ok((interface, name))
    }

    fn bond(&mut self, link: &Link<'a>) {
        let LinkKind::Bond { mac, members, options } = &link.kind else { return };
        let name = self.name_for(link.id, "bond");
        let mut names = Vec::new();
        for member in members {
            let Some(device) = self.by_link.get(member).and_then(|at| self.devices.get_mut(*at))
            else {
                continue;
            };
            if let DeviceKind::Present { bond: bond @ None, .. } = &mut device.kind {
                *bond = Some(name.clone());
                names.push(device.name.clone());
            }
        }
        if names.is_empty() {
            self.refusals.push(Refusal::NoMembers { link: link.id.to_owned() });
            return;
        }
        let kind = DeviceKind::Bond { mac: *mac, members: names, options: *options };
        self.add(link, name, kind);
    }

    fn vlan(&mut self, link: &Link<'a>) {
        let LinkKind::Vlan { mac, parent, vlan_id } = link.kind else { return };
        let of = self.by_link.get(parent).and_then(|at| self.devices.get(*at));
        let of = of.filter(|device| match &device.kind {
            DeviceKind::Present { bond, .. } => bond.is_none(),
            DeviceKind::Bond { .. } => true,
            DeviceKind::Vlan { .. } => false,
        });
        let Some(of) = of else {
            let (link, parent) = (link.id.to_owned(), parent.to_owned());
            self.refusals.push(Refusal::NoParent { link, parent });
            return;
        };
        let kind = DeviceKind::Vlan { mac, parent: of.name.clone(), vlan_id };
        let name = self.name_for(link.id, VLAN_STEM);
        self.add(link, name, kind);
    }

    /// The link's id if that can be a name and means nothing else here, else a numbered one.
    fn name_for(&self, id: &str, stem: &str) -> InterfaceName {
        let numbered = (0..).map(|number: u32| format!("{stem}{number}"));
        std::iter::once(id.to_owned())
            .chain(numbered)
            .filter_map(|text| InterfaceName::new(&text))
            .find(|name| {
                self.devices.iter().all(|device| device.name != *name)
                    && self.interfaces.iter().all(|interface| interface.name != name.as_str())
            })
            .expect("more numbers than interfaces are short enough for a name")
    }

    fn add(&mut self, link: &Link<'a>, name: InterfaceName, kind: DeviceKind) {
        self.by_link.insert(link.id, self.devices.len());
        self.devices.push(Device {
            name,
            kind,
            mtu: link.mtu,
            addresses: Vec::new(),
            routes: Vec::new(),
            servers: Vec::new(),
            has_dhcp4: false,
            automatic6: None,
        });
    }

    fn network(&mut self, network: &Network<'a>) {
        // The link's own refusal has been said.
        let Some(device) = self.by_link.get(network.link).and_then(|at| self.devices.get_mut(*at))
        else {
            return;
        };
        if matches!(device.kind, DeviceKind::Present { bond: Some(_), .. }) {
            let (network, name) = (network.id.to_owned(), device.name.to_string());
            self.refusals.push(Refusal::OfMember { network, name });
            return;
        }
        match network.addressing {
            Addressing::Static(prefix) => push_new(&mut device.addresses, prefix),
            // Its routes are DHCP's as well.
            Addressing::Dhcp4 => {
                device.has_dhcp4 = true;
                return;
            }
            Addressing::Slaac { dhcp } => {
                let slaac = Automatic6::Slaac { dhcp };
                device.automatic6 = Some(device.automatic6.map_or(slaac, |is| is.with(slaac)));
            }
            Addressing::Dhcp6 => device.automatic6 = Some(Automatic6::Dhcp),
            Addressing::Unknown(kind) => {
                let (network, kind) = (network.id.to_owned(), kind.to_owned());
                self.refusals.push(Refusal::UnknownType { network, kind });
                return;
            }
        }
        let is_static = matches!(network.addressing, Addressing::Static(_));
        for Route { destination, gateway } in network.routes.iter().copied() {
            // Where addresses are automatic, the default route is the router's to advertise.
            if is_static || !destination.is_everything() {
                let route = PlannedRoute { destination, gateway, is_on_link: false, metric: None };
                push_new(&mut device.routes, route);
            }
        }
        for server in &network.servers {
            push_new(&mut device.servers, *server);
        }
    }

    /// All servers. Those that no network has go to the first interface with an address of its
    /// own; where all is automatic, they are what DHCP tells anyway.
    fn name_servers(&mut self) -> Vec<IpAddr> {
        let mut all = Vec::new();
        for network in &self.document.networks {
            for server in &network.servers {
                push_new(&mut all, *server);
            }
        }
        for server in &self.document.servers {
            if all.contains(server) {
                continue;
            }
            all.push(*server);
            let first = self.devices.iter_mut().find(|device| !device.addresses.is_empty());
            if let Some(device) = first {
                push_new(&mut device.servers, *server);
            }
        }
        all
    }
}

impl Automatic6 {
    /// The one that brings more.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dhcp, _) | (_, Self::Dhcp) => Self::Dhcp,
            (Self::Slaac { dhcp: one }, Self::Slaac { dhcp: other }) => {
                Self::Slaac { dhcp: one || other }
            }
        }
    }
}

/// A gateway outside the interface's networks is on its wire all the same: why else name it.
fn settle_gateways(device: &mut Device) {
    for route in &mut device.routes {
        let is_link_local = match route.gateway {
            IpAddr::V4(_) => false,
            IpAddr::V6(gateway) => gateway.is_unicast_link_local(),
        };
        let is_near = device.addresses.iter().any(|prefix| prefix.contains(route.gateway));
        route.is_on_link = !is_link_local && !is_near;
    }
}

/// The kernel keeps one route for a destination and metric; the document may have several.
fn settle_metrics(devices: &mut [Device]) {
    let mut seen = HashMap::new();
    for route in devices.iter_mut().flat_map(|device| &mut device.routes) {
        let earlier: &mut u32 = seen.entry(route.destination).or_default();
        route.metric = (*earlier > 0).then_some(METRIC_OF_FIRST + *earlier);
        *earlier += 1;
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn machine() -> Vec<Interface> {
        [("eth0", 1), ("eth1", 2)]
            .map(|(name, number)| Interface {
                name: name.to_owned(),
                mac: Mac([0xfa, 0x16, 0x3e, 0, 0, number]),
                index: u32::from(number),
            })
            .to_vec()
    }

    fn planned(document: &Value, interfaces: &[Interface]) -> Plan {
        Plan::new(document, interfaces).expect("a plan")
    }

    fn refusals(document: &Value, interfaces: &[Interface]) -> Vec<String> {
        planned(document, interfaces).refusals.iter().map(ToString::to_string).collect()
    }

    fn link(id: &str, mac: &str) -> Value {
        json!({"id": id, "type": "ovs", "ethernet_mac_address": mac})
    }

    #[test]
    fn a_missing_interface_is_named_and_the_others_are_configured() {
        let document = json!({
            "links": [link("tapA", "FA:16:3E:00:00:99"), link("tapB", "FA-16-3E-00-00-02")],
            "networks": [
                {"type": "ipv4_dhcp", "link": "tapA"},
                {"type": "ipv4_dhcp", "link": "tapB"},
            ],
        });
        let plan = planned(&document, &machine());
        assert_eq!(
            plan.describe(),
            [
                "eth1 (fa:16:3e:00:00:02), IPv4 by DHCP",
                "refused: link \"tapA\": no interface of this machine has the MAC address \
                 fa:16:3e:00:00:99",
            ]
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let mut twins = machine();
        twins[1].mac = twins[0].mac;
        let one = json!({"links": [link("a", "fa:16:3e:00:00:01")]});
        let said = refusals(&one, &twins);
        assert!(said[0].contains("eth0 and eth1 have the MAC address"), "{said:?}");

        let twice = json!({
            "links": [link("a", "fa:16:3e:00:00:01"), link("b", "fa:16:3e:00:00:01")],
        });
        let said = refusals(&twice, &machine());
        assert_eq!(said, ["link \"b\": eth0 is configured as another link already"]);

        let mut odd = machine();
        odd[0].name = "eth0;id".to_owned();
        let said = refusals(&one, &odd);
        assert!(said[0].contains("cannot be written down"), "{said:?}");
    }

    #[test]
    fn bonds_and_vlans_need_what_they_are_made_of() {
        let document = json!({
            "links": [
                link("a", "fa:16:3e:00:00:01"),
                {"id": "bond0", "type": "bond", "bond_mode": "active-backup", "bond_links": ["a", "gone"]},
                {"id": "bond1", "type": "bond", "bond_mode": "active-backup", "bond_links": ["a"]},
                {"id": "ofMember", "type": "vlan", "vlan_id": 5, "vlan_link": "a"},
                {"id": "ofBond", "type": "vlan", "vlan_id": 5, "vlan_link": "bond0"},
            ],
            "networks": [{"id": "n", "type": "ipv4_dhcp", "link": "a"}],
        });
        let plan = planned(&document, &machine());
        let names: Vec<_> = plan.devices.iter().map(|device| device.name.to_string()).collect();
        assert_eq!(names, ["eth0", "bond0", "ofBond"]);
        let said: Vec<_> = plan.refusals.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "bond \"bond1\": none of its members is an interface of this machine",
                "VLAN \"ofMember\": its link \"a\" is no interface of this machine and no bond",
                "network \"n\": eth0 is a member of a bond and can have no address",
            ]
        );
    }

    #[test]
    fn an_id_that_is_no_name_or_another_ones_is_replaced() {
        let document = json!({"links": [
            link("a", "fa:16:3e:00:00:01"),
            {"id": "a\nb", "type": "vlan", "vlan_id": 5, "vlan_link": "a"},
            {"id": "eth1", "type": "vlan", "vlan_id": 6, "vlan_link": "a"},
        ]});
        let plan = planned(&document, &machine());
        let names: Vec<_> = plan.devices.iter().map(|device| device.name.to_string()).collect();
        assert_eq!(names, ["eth0", "vl0", "vl1"]);
    }

    #[test]
    fn routes_to_one_place_do_not_replace_each_other() {
        let network = |link: &str, address: &str, gateway: &str| {
            json!({"type": "ipv4", "link": link, "ip_address": address, "netmask": "255.255.255.0",
                   "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": gateway}]})
        };
        let document = json!({
            "links": [link("a", "fa:16:3e:00:00:01"), link("b", "fa:16:3e:00:00:02")],
            "networks": [network("a", "10.0.0.5", "10.0.0.1"), network("b", "10.1.0.5", "10.9.0.1")],
        });
        let plan = planned(&document, &machine());
        let routes: Vec<_> = plan
            .devices
            .iter()
            .flat_map(|device| &device.routes)
            .map(|route| (route.metric, route.is_on_link))
            .collect();
        assert_eq!(routes, [(None, false), (Some(1025), true)]);
    }

    #[test]
    fn an_unknown_type_leaves_the_rest() {
        let document = json!({
            "links": [link("a", "fa:16:3e:00:00:01")],
            "networks": [
                {"id": "n", "type": "ipv7", "link": "a", "routes": [{"network": "?"}]},
                {"id": "m", "type": "ipv6_dhcp", "link": "a"},
            ],
        });
        let plan = planned(&document, &machine());
        assert_eq!(plan.devices[0].automatic6, Some(Automatic6::Dhcp));
        assert!(plan.refusals[0].to_string().contains("the type \"ipv7\" is not known"));
    }
}
