//! Topologies for tests, and the names that they lead to.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests panic and print as tests do"
)]

use innkeeper_model::{
    HostedBridge, HostedInterface, HostedNetwork, HostedRouter, MacAddress, MetadataHolder,
    NetworkId, PortId, RouterId, Topology,
};

/// What holds both metadata addresses.
pub(crate) const HOLDER: MetadataHolder = MetadataHolder { ipv4: true, ipv6: true };

/// A network with its DHCP port, on a bridge that the host makes.
pub(crate) fn hosted_network(bridge: &str, address: &str, metadata: bool) -> HostedNetwork {
    let id = NetworkId::random();
    let metadata = MetadataHolder { ipv4: metadata, ipv6: false };
    let dhcp = Some(HostedInterface { metadata, ..interface(id, address) });
    HostedNetwork { dhcp, ..plain_network(id, bridge) }
}

/// A network on a bridge that an operator named.
pub(crate) fn on_their_bridge(mut network: HostedNetwork) -> HostedNetwork {
    network.bridge.ours = false;
    network
}

/// Networks and a router with an interface on each of their bridges; of a bridge that none of
/// `networks` has, a network without DHCP is made.
pub(crate) fn routed(
    mut networks: Vec<HostedNetwork>,
    interfaces: &[(&str, &str)],
) -> (Vec<HostedNetwork>, HostedRouter) {
    let mut ports = Vec::new();
    for (bridge, address) in interfaces {
        let known = networks.iter().find(|network| network.bridge.name == *bridge);
        let id = known.map_or_else(NetworkId::random, |network| network.id);
        if known.is_none() {
            networks.push(plain_network(id, bridge));
        }
        ports.push(interface(id, address));
    }
    (networks, HostedRouter { id: RouterId::random(), interfaces: ports })
}

/// Networks and a router as a topology.
pub(crate) fn topology(
    networks: Vec<HostedNetwork>,
    interfaces: &[(&str, &str)],
) -> (Topology, Names) {
    let (networks, router) = routed(networks, interfaces);
    let names = Names::of_router(&router);
    (Topology { generation: 1, networks, routers: vec![router] }, names)
}

/// The names of what a host brings up.
pub(crate) struct Names {
    pub(crate) namespace: String,
    pub(crate) inside: Vec<String>,
    pub(crate) outside: Vec<String>,
}

impl Names {
    pub(crate) fn of_network(network: &HostedNetwork) -> Self {
        Self::new(format!("qdhcp-{}", network.id), "ns-", network.dhcp.as_slice())
    }

    pub(crate) fn of_router(router: &HostedRouter) -> Self {
        Self::new(format!("qrouter-{}", router.id), "qr-", &router.interfaces)
    }

    fn new(namespace: String, prefix: &str, interfaces: &[HostedInterface]) -> Self {
        let named = |prefix: &str| {
            let short = |interface: &HostedInterface| {
                let id = interface.port_id.to_string();
                format!("{prefix}{}", id.get(..11).unwrap())
            };
            interfaces.iter().map(short).collect()
        };
        Self { namespace, inside: named(prefix), outside: named("tap") }
    }
}

fn plain_network(id: NetworkId, bridge: &str) -> HostedNetwork {
    HostedNetwork {
        id,
        bridge: HostedBridge { name: bridge.to_owned(), ours: true },
        mtu: Some(1450),
        dhcp: None,
        subnets: Vec::new(),
        force_metadata: false,
        isolated_metadata: true,
    }
}

fn interface(network_id: NetworkId, address: &str) -> HostedInterface {
    let port_id = PortId::random();
    let [a, b, c, ..] = port_id.uuid().into_bytes();
    HostedInterface {
        port_id,
        network_id,
        mac_address: MacAddress::generated([a, b, c]),
        addresses: vec![address.parse().unwrap()],
        metadata: MetadataHolder::default(),
    }
}
