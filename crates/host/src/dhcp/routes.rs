//! Option 121: which way a guest is told to send what (RFC 3442).

use std::net::Ipv4Addr;

use innkeeper_model::{HostedNetwork, HostedSubnet};
use ipnet::{IpNet, Ipv4Net};

/// Other subnets of a network that guests are told to be on their link. More would leave a message
/// no room for the routes that guests cannot do without.
const ON_LINK_ROUTES_MAX: usize = 64;

/// 169.254.169.254/32.
const METADATA: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 169, 254), 32);

/// A route: where to, and via which address; 0.0.0.0 if it is on the link.
pub(super) type Route = (Ipv4Net, Ipv4Addr);

/// The way out of a subnet: its gateway, or where an operator's default route leads.
pub(super) fn gateway(subnet: &HostedSubnet) -> Option<Ipv4Addr> {
    let own = subnet.gateway_ip.and_then(ipv4);
    own.or_else(|| host_routes(subnet).find(|(to, _)| to.prefix_len() == 0).map(|(_, via)| via))
}

/// All routes for a guest of `subnet`, in which the DHCP port's address is `server`.
///
/// A client that takes option 121 ignores option 3 (RFC 3442), so the default route is among them.
pub(super) fn compose(
    network: &HostedNetwork,
    subnet: &HostedSubnet,
    server: Ipv4Addr,
) -> Vec<Route> {
    let mut routes = on_link(network, subnet);
    routes.extend(host_routes(subnet).filter(|(to, _)| to.prefix_len() != 0));
    let gateway = gateway(subnet);
    let by_dhcp_port = network.force_metadata || (subnet.isolated && network.isolated_metadata);
    let metadata_via = match (by_dhcp_port, subnet.isolated) {
        (true, _) => Some(server),
        (false, false) => gateway,
        (false, true) => None,
    };
    // An operator's own route to the address stands: of two, clients take either.
    if let Some(via) = metadata_via
        && routes.iter().all(|(to, _)| *to != METADATA)
    {
        routes.push((METADATA, via));
    }
    routes.extend(gateway.map(|via| (Ipv4Net::default(), via)));
    routes
}

/// The routes as options 121 and 249 write them.
pub(super) fn encode(routes: &[Route]) -> Vec<u8> {
    let route = |(to, via): &Route| {
        let mut bytes = destination(*to);
        bytes.extend(via.octets());
        bytes
    };
    routes.iter().flat_map(route).collect()
}

/// A destination: its prefix length, and as many bytes of its address as that makes significant.
pub(super) fn destination(net: Ipv4Net) -> Vec<u8> {
    let significant = usize::from(net.prefix_len()).div_ceil(8);
    let mut bytes = vec![net.prefix_len()];
    bytes.extend(net.network().octets().into_iter().take(significant));
    bytes
}

/// The network's other subnets, the newest first, as Neutron's agent has them.
fn on_link(network: &HostedNetwork, subnet: &HostedSubnet) -> Vec<Route> {
    let range = |other: &HostedSubnet| match other.cidr {
        IpNet::V4(cidr) if other.cidr != subnet.cidr => Some(cidr),
        _ => None,
    };
    let others = network.subnets.iter().rev().filter_map(range);
    others.take(ON_LINK_ROUTES_MAX).map(|cidr| (cidr, Ipv4Addr::UNSPECIFIED)).collect()
}

fn host_routes(subnet: &HostedSubnet) -> impl Iterator<Item = Route> + '_ {
    subnet.host_routes.iter().filter_map(|route| match route.destination {
        IpNet::V4(to) => Some((to.trunc(), ipv4(route.nexthop)?)),
        IpNet::V6(_) => None,
    })
}

fn ipv4(address: std::net::IpAddr) -> Option<Ipv4Addr> {
    match address {
        std::net::IpAddr::V4(address) => Some(address),
        std::net::IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_model::HostRoute;

    use super::*;
    use crate::dhcp::testing::{network, subnet};

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let pairs = (0..digits.len()).step_by(2);
        pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2).unwrap(), 16).unwrap()).collect()
    }

    fn host_route(to: &str, via: &str) -> HostRoute {
        HostRoute { destination: to.parse().unwrap(), nexthop: via.parse().unwrap() }
    }

    fn composed(network: &HostedNetwork, server: &str) -> Vec<u8> {
        encode(&compose(network, &network.subnets[0], server.parse().unwrap()))
    }

    /// The bytes that dnsmasq 2.90 sent when Neutron's agent had written its options.
    #[test]
    fn the_wire_form_is_that_of_neutron_and_dnsmasq() {
        let mut blue = subnet("192.168.0.0/24", Some("192.168.0.1"));
        blue.host_routes = vec![host_route("20.0.0.1/24", "20.0.0.1")];
        let mut network = network(vec![blue, subnet("192.168.1.0/24", None)]);
        network.subnets[0].isolated = true;
        let bytes =
            hex("18 c0a801 00000000 | 18 140000 14000001 | 20 a9fea9fe c0a80002 | 00 c0a80001");
        assert_eq!(composed(&network, "192.168.0.2"), bytes);
    }

    #[test]
    fn the_metadata_address_is_where_it_is_held() {
        let by_dhcp = "20 a9fea9fe c0a80102";
        let by_gateway = "20 a9fea9fe c0a80101";
        let default = "00 c0a80101";
        for (gateway, isolated, isolated_metadata, force, expected) in [
            (true, true, true, false, [by_dhcp, default].concat()),
            (false, true, true, false, by_dhcp.to_owned()),
            (true, true, false, false, default.to_owned()),
            (false, true, false, false, String::new()),
            (true, false, true, false, [by_gateway, default].concat()),
            (true, false, false, false, [by_gateway, default].concat()),
            (true, false, false, true, [by_dhcp, default].concat()),
            (false, true, false, true, by_dhcp.to_owned()),
        ] {
            let mut network =
                network(vec![subnet("192.168.1.0/24", gateway.then_some("192.168.1.1"))]);
            network.subnets[0].isolated = isolated;
            network.isolated_metadata = isolated_metadata;
            network.force_metadata = force;
            let case = format!("{gateway} {isolated} {isolated_metadata} {force}");
            assert_eq!(composed(&network, "192.168.1.2"), hex(&expected), "{case}");
        }
    }

    #[test]
    fn an_operators_default_route_is_the_gateway_where_there_is_none() {
        let mut network = network(vec![subnet("192.168.1.0/24", None)]);
        network.subnets[0].host_routes = vec![host_route("0.0.0.0/0", "192.168.1.7")];
        assert_eq!(gateway(&network.subnets[0]), Some(Ipv4Addr::new(192, 168, 1, 7)));
        network.subnets[0].isolated = true;
        let expected = hex("20 a9fea9fe c0a80102 00 c0a80107");
        assert_eq!(composed(&network, "192.168.1.2"), expected);
        network.subnets[0].isolated = false;
        let expected = hex("20 a9fea9fe c0a80107 00 c0a80107");
        assert_eq!(composed(&network, "192.168.1.2"), expected);
    }

    #[test]
    fn an_operators_route_to_the_metadata_address_stands() {
        let mut network = network(vec![subnet("192.168.1.0/24", Some("192.168.1.1"))]);
        network.subnets[0].host_routes = vec![host_route("169.254.169.254/32", "192.168.1.9")];
        let expected = hex("20 a9fea9fe c0a80109 00 c0a80101");
        assert_eq!(composed(&network, "192.168.1.2"), expected);
    }

    #[test]
    fn prefixes_take_as_many_bytes_as_they_need() {
        for (net, expected) in [
            ("0.0.0.0/0", "00"),
            ("128.0.0.0/1", "01 80"),
            ("10.0.0.0/8", "08 0a"),
            ("10.128.0.0/9", "09 0a80"),
            ("10.1.2.3/17", "11 0a0100"),
            ("10.1.2.3/32", "20 0a010203"),
        ] {
            assert_eq!(destination(net.parse().unwrap()), hex(expected), "{net}");
        }
    }
}
