//! Topologies for tests, and the names that they lead to.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests panic and print as tests do"
)]

use innkeeper_model::{
    HostedInterface, HostedNetwork, HostedRouter, MacAddress, NetworkId, PortId, RouterId,
};

/// A network with its DHCP port.
pub(crate) fn hosted_network(bridge: &str, address: &str, metadata: bool) -> HostedNetwork {
    let interface = interface(bridge, address);
    HostedNetwork { id: interface.network_id, interface, metadata }
}

/// A router with an interface on each bridge.
pub(crate) fn hosted_router(interfaces: &[(&str, &str)]) -> HostedRouter {
    let interfaces = interfaces.iter().map(|(bridge, address)| interface(bridge, address));
    HostedRouter { id: RouterId::random(), interfaces: interfaces.collect() }
}

/// The names of what a host brings up.
pub(crate) struct Names {
    pub(crate) namespace: String,
    pub(crate) inside: Vec<String>,
    pub(crate) outside: Vec<String>,
}

impl Names {
    pub(crate) fn of_network(network: &HostedNetwork) -> Self {
        let interfaces = std::slice::from_ref(&network.interface);
        Self::new(format!("qdhcp-{}", network.id), "ns-", interfaces)
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

fn interface(bridge: &str, address: &str) -> HostedInterface {
    let port_id = PortId::random();
    let [a, b, c, ..] = port_id.uuid().into_bytes();
    HostedInterface {
        port_id,
        network_id: NetworkId::random(),
        bridge: bridge.to_owned(),
        mac_address: MacAddress::generated([a, b, c]),
        mtu: Some(1450),
        addresses: vec![address.parse().unwrap()],
    }
}
