//! What is to be there, worked out from a topology. No I/O.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use innkeeper_model::{
    HostedInterface, HostedNetwork, HostedRouter, MacAddress, MetadataPath, NetworkId, Port,
    PortId, Topology,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::HostError;

/// The address that metadata is served on.
pub(crate) const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The same over IPv6.
pub(crate) const METADATA_ADDRESS_IPV6: Ipv6Addr =
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);

/// All that is to be there.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// By name.
    pub(crate) bridges: BTreeMap<String, BridgePlan>,
    /// By name.
    pub(crate) namespaces: BTreeMap<String, NamespacePlan>,
    /// What cannot be planned: who, and why.
    pub(crate) conflicts: Vec<(String, HostError)>,
}

/// A bridge that is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BridgePlan {
    /// A network whose bridge it is.
    pub(crate) network: NetworkId,
    /// Made here, and of that network alone; otherwise an operator's.
    pub(crate) ours: bool,
}

/// A namespace that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamespacePlan {
    pub(crate) role: NamespaceRole,
    pub(crate) links: Vec<LinkPlan>,
}

/// What a namespace is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamespaceRole {
    /// Forwards between its links and catches requests for metadata.
    Router,
    /// A network's own, where DHCP is answered.
    Network(Arc<HostedNetwork>),
}

/// A veth pair that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkPlan {
    pub(crate) port: PortId,
    /// The name of the end inside the namespace.
    pub(crate) inside: String,
    /// The name of the end that is plugged into the bridge.
    pub(crate) outside: String,
    pub(crate) bridge: String,
    pub(crate) mac: MacAddress,
    pub(crate) mtu: Option<u32>,
    pub(crate) addresses: BTreeSet<IpNet>,
}

impl Plan {
    pub(crate) fn new(topology: &Topology, path: MetadataPath) -> Self {
        let mut plan = Self::default();
        let mut networks = HashMap::new();
        for network in &topology.networks {
            if plan.add_bridge(network) {
                networks.insert(network.id, network);
                plan.add_network(network);
            }
        }
        for router in &topology.routers {
            plan.add_router(router, &networks, path);
        }
        plan
    }

    /// False if the bridge is another network's: two tenants would be in one network.
    fn add_bridge(&mut self, network: &HostedNetwork) -> bool {
        let (name, ours) = (&network.bridge.name, network.bridge.ours);
        let wanted = BridgePlan { network: network.id, ours };
        match self.bridges.get(name) {
            Some(taken) if ours || taken.ours => {
                let other = taken.network;
                let error = HostError::SharedBridge { name: name.clone(), other };
                self.conflicts.push((format!("network {}", network.id), error));
                false
            }
            _ => {
                self.bridges.entry(name.clone()).or_insert(wanted);
                true
            }
        }
    }

    fn add_network(&mut self, network: &HostedNetwork) {
        let Some(interface) = &network.dhcp else { return };
        let mut link = link("ns-", interface, network);
        if interface.metadata.ipv4 {
            link.addresses.insert(IpNet::V4(Ipv4Net::from(METADATA_ADDRESS)));
        }
        if interface.metadata.ipv6 {
            link.addresses.insert(IpNet::V6(Ipv6Net::from(METADATA_ADDRESS_IPV6)));
        }
        let role = NamespaceRole::Network(Arc::new(network.clone()));
        let plan = NamespacePlan { role, links: vec![link] };
        self.namespaces.insert(format!("qdhcp-{}", network.id), plan);
    }

    fn add_router(
        &mut self,
        router: &HostedRouter,
        networks: &HashMap<NetworkId, &HostedNetwork>,
        path: MetadataPath,
    ) {
        let name = format!("qrouter-{}", router.id);
        let mut links = Vec::with_capacity(router.interfaces.len());
        for interface in &router.interfaces {
            let Some(network) = networks.get(&interface.network_id) else {
                let error = HostError::NoNetwork { network: interface.network_id };
                self.conflicts.push((format!("{name}/{}", interface.port_id), error));
                continue;
            };
            let mut link = link("qr-", interface, network);
            if interface.metadata.ipv4 && path == MetadataPath::Address {
                link.addresses.insert(IpNet::V4(Ipv4Net::from(METADATA_ADDRESS)));
            }
            // Redirected or not, nobody answers neighbour discovery for it otherwise.
            if interface.metadata.ipv6 {
                link.addresses.insert(IpNet::V6(Ipv6Net::from(METADATA_ADDRESS_IPV6)));
            }
            links.push(link);
        }
        self.namespaces.insert(name, NamespacePlan { role: NamespaceRole::Router, links });
    }

    /// The ports that some namespace needs.
    pub(crate) fn ports(&self) -> BTreeSet<PortId> {
        self.namespaces.values().flat_map(|namespace| &namespace.links).map(|l| l.port).collect()
    }
}

fn link(prefix: &str, interface: &HostedInterface, network: &HostedNetwork) -> LinkPlan {
    LinkPlan {
        port: interface.port_id,
        inside: Port::interface_name(interface.port_id, prefix),
        outside: Port::interface_name(interface.port_id, "tap"),
        bridge: network.bridge.name.clone(),
        mac: interface.mac_address,
        mtu: network.mtu,
        addresses: interface.addresses.iter().copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_model::{HostedBridge, MetadataHolder, RouterId};

    use super::*;

    fn network(metadata: MetadataHolder) -> HostedNetwork {
        let id = NetworkId::random();
        HostedNetwork {
            id,
            bridge: HostedBridge { name: "brq0".to_owned(), ours: true },
            mtu: None,
            dhcp: Some(interface(id, "10.0.0.2/24", metadata)),
            subnets: Vec::new(),
            force_metadata: false,
            isolated_metadata: true,
        }
    }

    fn interface(id: NetworkId, address: &str, metadata: MetadataHolder) -> HostedInterface {
        HostedInterface {
            port_id: PortId::random(),
            network_id: id,
            mac_address: MacAddress::generated([1, 2, 3]),
            addresses: vec![address.parse().unwrap()],
            metadata,
        }
    }

    fn addresses(plan: &Plan, namespace: &str) -> Vec<String> {
        plan.namespaces[namespace].links[0].addresses.iter().map(ToString::to_string).collect()
    }

    const BOTH: MetadataHolder = MetadataHolder { ipv4: true, ipv6: true };
    const NONE: MetadataHolder = MetadataHolder { ipv4: false, ipv6: false };

    #[test]
    fn a_dhcp_port_holds_the_addresses_beside_its_own() {
        for (holder, expected) in [
            (BOTH, ["10.0.0.2/24", "169.254.169.254/32", "fe80::a9fe:a9fe/128"].as_slice()),
            (NONE, &["10.0.0.2/24"]),
        ] {
            let network = network(holder);
            let name = format!("qdhcp-{}", network.id);
            let topology = Topology { networks: vec![network], ..Topology::default() };
            let plan = Plan::new(&topology, MetadataPath::Redirect);
            assert_eq!(addresses(&plan, &name), expected);
        }
    }

    #[test]
    fn a_router_that_redirects_needs_no_ipv4_address() {
        let network = network(NONE);
        let router = HostedRouter {
            id: RouterId::random(),
            interfaces: vec![interface(network.id, "10.0.0.1/24", BOTH)],
        };
        let name = format!("qrouter-{}", router.id);
        let topology =
            Topology { networks: vec![network], routers: vec![router], ..Topology::default() };
        let redirect = Plan::new(&topology, MetadataPath::Redirect);
        assert_eq!(addresses(&redirect, &name), ["10.0.0.1/24", "fe80::a9fe:a9fe/128"]);
        let address = Plan::new(&topology, MetadataPath::Address);
        let expected = ["10.0.0.1/24", "169.254.169.254/32", "fe80::a9fe:a9fe/128"];
        assert_eq!(addresses(&address, &name), expected);
        for link in &address.namespaces[&name].links {
            assert!(link.inside.starts_with("qr-"), "{}", link.inside);
            assert!(link.inside.len() < 16 && link.outside.len() < 16, "{link:?}");
        }
    }

    #[test]
    fn two_networks_never_share_a_bridge_of_ours() {
        let (first, mut second) = (network(NONE), network(NONE));
        for ours in [true, false] {
            second.bridge.ours = ours;
            let networks = vec![first.clone(), second.clone()];
            let topology = Topology { networks, ..Topology::default() };
            let plan = Plan::new(&topology, MetadataPath::Redirect);
            assert_eq!(plan.namespaces.len(), 1);
            let (who, why) = &plan.conflicts[0];
            assert!(who.contains(&second.id.to_string()), "{who}");
            assert!(why.to_string().contains(&first.id.to_string()), "{why}");
        }
    }
}
