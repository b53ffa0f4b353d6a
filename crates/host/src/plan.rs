//! What is to be there, worked out from a topology. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use innkeeper_model::{HostedInterface, HostedNetwork, HostedRouter, MacAddress, PortId, Topology};
use ipnet::{IpNet, Ipv4Net};

/// The address that metadata is served on.
pub(crate) const METADATA_ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(169, 254, 169, 254);

/// All that is to be there, by the namespace's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) namespaces: BTreeMap<String, NamespacePlan>,
}

/// A namespace that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamespacePlan {
    pub(crate) role: NamespaceRole,
    pub(crate) links: Vec<LinkPlan>,
}

/// What a namespace is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamespaceRole {
    /// Forwards between its links and redirects requests for metadata.
    Router,
    /// A network's own.
    Network,
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
    pub(crate) fn new(topology: &Topology) -> Self {
        let networks = topology.networks.iter().map(network);
        let routers = topology.routers.iter().map(router);
        Self { namespaces: networks.chain(routers).collect() }
    }

    /// The ports and the bridges that some namespace needs.
    pub(crate) fn ports_and_bridges(&self) -> (BTreeSet<PortId>, BTreeSet<&str>) {
        let links = || self.namespaces.values().flat_map(|namespace| &namespace.links);
        (
            links().map(|link| link.port).collect(),
            links().map(|link| link.bridge.as_str()).collect(),
        )
    }
}

fn network(network: &HostedNetwork) -> (String, NamespacePlan) {
    let mut link = link("ns-", &network.interface);
    if network.metadata {
        link.addresses.insert(IpNet::V4(Ipv4Net::from(METADATA_ADDRESS)));
    }
    let plan = NamespacePlan { role: NamespaceRole::Network, links: vec![link] };
    (format!("qdhcp-{}", network.id), plan)
}

fn router(router: &HostedRouter) -> (String, NamespacePlan) {
    let links = router.interfaces.iter().map(|interface| link("qr-", interface)).collect();
    (format!("qrouter-{}", router.id), NamespacePlan { role: NamespaceRole::Router, links })
}

fn link(prefix: &str, interface: &HostedInterface) -> LinkPlan {
    // Neutron's names: a link's name has 15 characters at most.
    let short: String = interface.port_id.to_string().chars().take(11).collect();
    LinkPlan {
        port: interface.port_id,
        inside: format!("{prefix}{short}"),
        outside: format!("tap{short}"),
        bridge: interface.bridge.clone(),
        mac: interface.mac_address,
        mtu: interface.mtu,
        addresses: interface.addresses.iter().copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_model::{NetworkId, RouterId};

    use super::*;

    #[test]
    fn a_network_with_metadata_holds_the_address_beside_its_own() {
        let interface = interface("10.0.0.2/24");
        let id = interface.network_id;
        let with = HostedNetwork { id, interface: interface.clone(), metadata: true };
        let without = HostedNetwork { id, interface, metadata: false };
        let addresses = |network| {
            let topology = Topology { networks: vec![network], ..Topology::default() };
            let plan = Plan::new(&topology);
            let namespace = plan.namespaces.get(&format!("qdhcp-{id}")).cloned().unwrap();
            namespace.links[0].addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(addresses(with), ["10.0.0.2/24", "169.254.169.254/32"]);
        assert_eq!(addresses(without), ["10.0.0.2/24"]);
    }

    #[test]
    fn names_fit_the_kernel() {
        let interfaces = vec![interface("10.0.0.1/24")];
        let topology = Topology {
            routers: vec![HostedRouter { id: RouterId::random(), interfaces }],
            ..Topology::default()
        };
        for namespace in Plan::new(&topology).namespaces.values() {
            for link in &namespace.links {
                assert!(link.inside.starts_with("qr-"), "{}", link.inside);
                assert!(link.inside.len() < 16 && link.outside.len() < 16, "{link:?}");
            }
        }
    }

    fn interface(address: &str) -> HostedInterface {
        HostedInterface {
            port_id: PortId::random(),
            network_id: NetworkId::random(),
            bridge: "brq0".to_owned(),
            mac_address: MacAddress::generated([1, 2, 3]),
            mtu: None,
            addresses: vec![address.parse().unwrap()],
        }
    }
}
