//! What hosts are to bring up, and who holds which metadata address.

use innkeeper_model::{
    HostRoute, HostedBridge, HostedNetwork, MetadataHolder, NetworkId, Subnet, Topology,
};

use crate::world::{World, address, new_network, new_subnet};

/// A network: its subnets as range, DHCP, gateway; the subnets of each router; the switches.
struct Case {
    name: &'static str,
    subnets: &'static [(&'static str, bool, bool)],
    routers: &'static [&'static [usize]],
    force: bool,
    isolated: bool,
    /// IPv4 and IPv6 on the DHCP port, if there is one, and on each of the routers' ports.
    holders: Holders,
}

type Holders = (Option<(bool, bool)>, &'static [(bool, bool)]);

const V4: (&str, bool, bool) = ("10.0.0.0/24", true, true);
const V4_STATIC: (&str, bool, bool) = ("10.0.0.0/24", false, true);
const SECOND: (&str, bool, bool) = ("10.0.1.0/24", true, true);
const SECOND_CLOSED: (&str, bool, bool) = ("10.0.1.0/24", true, false);
const SECOND_CLOSED_STATIC: (&str, bool, bool) = ("10.0.1.0/24", false, false);
const V6: (&str, bool, bool) = ("2001:db8::/64", true, true);

const NO: (bool, bool) = (false, false);
const IPV4: (bool, bool) = (true, false);
const IPV6: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

const fn case(
    name: &'static str,
    subnets: &'static [(&'static str, bool, bool)],
    routers: &'static [&'static [usize]],
    holders: Holders,
) -> Case {
    Case { name, subnets, routers, force: false, isolated: true, holders }
}

const CASES: &[Case] = &[
    case("isolated", &[V4], &[], (Some(IPV4), &[])),
    Case { isolated: false, ..case("isolated, but switched off", &[V4], &[], (Some(NO), &[])) },
    case("routed", &[V4], &[&[0]], (Some(NO), &[IPV4])),
    Case { force: true, ..case("forced", &[V4], &[&[0]], (Some(IPV4), &[NO])) },
    case("two routers", &[V4, SECOND], &[&[0], &[1]], (Some(NO), &[IPV4, NO])),
    case("one router twice", &[V4, SECOND], &[&[0, 1]], (Some(NO), &[IPV4, NO])),
    case("one subnet of two routed", &[V4, SECOND], &[&[0]], (Some(IPV4), &[NO])),
    case("one without a gateway", &[V4, SECOND_CLOSED], &[&[0]], (Some(IPV4), &[NO])),
    case("one without both", &[V4, SECOND_CLOSED_STATIC], &[&[0]], (Some(NO), &[IPV4])),
    case("v6 alone, isolated", &[V6], &[], (Some(BOTH), &[])),
    case("v6 alone, routed", &[V6], &[&[0]], (Some(NO), &[IPV6])),
    case("both families, routed", &[V4, V6], &[&[0, 1]], (Some(NO), &[BOTH, NO])),
    case("v6 first", &[V6, V4], &[&[0, 1]], (Some(NO), &[IPV6, IPV4])),
    case("v6 isolated beside v4", &[V4, V6], &[&[0]], (Some(BOTH), &[NO])),
    case("no DHCP, no router", &[V4_STATIC], &[], (None, &[])),
    case("no DHCP", &[V4_STATIC], &[&[0]], (None, &[IPV4])),
    Case { force: true, ..case("no DHCP to force", &[V4_STATIC], &[&[0]], (None, &[IPV4])) },
    case("no subnet", &[], &[], (None, &[])),
];

async fn topology(world: &World) -> Topology {
    world.store.topology().await.expect("a topology")
}

async fn subnet(world: &World, network: NetworkId, of: (&str, bool, bool)) -> Subnet {
    let (cidr, enable_dhcp, gateway) = of;
    let mut draft = new_subnet(network, cidr);
    draft.enable_dhcp = enable_dhcp;
    draft.no_gateway = !gateway;
    world.store.subnet_create(draft).await.expect("a subnet")
}

fn pair(holder: MetadataHolder) -> (bool, bool) {
    (holder.ipv4, holder.ipv6)
}

/// All cases in one database: no network's ports count for another's.
#[tokio::test]
async fn a_network_has_one_holder_per_family() {
    let world = World::new().await;
    let mut made = Vec::new();
    for case in CASES {
        let mut draft = new_network(&world.project, case.name);
        (draft.force_metadata, draft.isolated_metadata) = (case.force, case.isolated);
        let network = world.store.network_create(draft).await.expect("a network").id;
        let mut subnets = Vec::new();
        for of in case.subnets {
            subnets.push(subnet(&world, network, *of).await);
        }
        for (index, attached) in case.routers.iter().enumerate() {
            let attached: Vec<_> = attached.iter().map(|index| &subnets[*index]).collect();
            world.router_on(&format!("{} {index}", case.name), &attached).await;
        }
        made.push(network);
    }
    let topology = topology(&world).await;
    assert_eq!(topology.networks.len(), CASES.len());
    for ((case, id), network) in CASES.iter().zip(made).zip(&topology.networks) {
        assert_eq!(network.id, id, "oldest first");
        let interfaces = topology.routers.iter().flat_map(|router| &router.interfaces);
        let on_routers: Vec<_> = interfaces
            .filter(|interface| interface.network_id == id)
            .map(|interface| pair(interface.metadata))
            .collect();
        let on_dhcp = network.dhcp.as_ref().map(|dhcp| pair(dhcp.metadata));
        assert_eq!((on_dhcp, on_routers.as_slice()), case.holders, "{}", case.name);
    }
}

#[tokio::test]
async fn a_network_is_shown_with_its_bridge_and_its_subnets() {
    let world = World::new().await;
    let bare = world.network("bare").await;
    let mut draft = new_network(&world.project, "blue");
    (draft.bridge, draft.mtu) = (Some("virbr0".to_owned()), Some(1400));
    draft.force_metadata = true;
    let blue = world.store.network_create(draft).await.expect("a network").id;
    let mut draft = new_subnet(blue, "10.0.1.0/24");
    draft.dns_nameservers = vec![address("10.0.1.53"), address("10.0.1.54")];
    let route = HostRoute {
        destination: "192.0.2.0/24".parse().expect("a range"),
        nexthop: address("10.0.1.9"),
    };
    draft.host_routes = vec![route];
    let routed = world.store.subnet_create(draft).await.expect("a subnet");
    let closed = subnet(&world, blue, ("10.0.0.0/24", false, false)).await;
    world.router_on("r1", &[&routed]).await;

    let networks = topology(&world).await.networks;
    let bridge = HostedBridge { name: bare.bridge_name(), ours: true };
    let expected = HostedNetwork {
        id: bare.id,
        bridge,
        mtu: None,
        dhcp: None,
        subnets: Vec::new(),
        force_metadata: false,
        isolated_metadata: true,
    };
    assert_eq!(networks[0], expected);
    let hosted = &networks[1];
    assert_eq!(hosted.bridge, HostedBridge { name: "virbr0".to_owned(), ours: false });
    assert_eq!(
        (hosted.mtu, hosted.force_metadata, hosted.isolated_metadata),
        (Some(1400), true, true)
    );
    let shown: Vec<_> = hosted
        .subnets
        .iter()
        .map(|s| (s.id, s.cidr, s.gateway_ip, s.enable_dhcp, s.isolated))
        .collect();
    let expected = [
        (routed.id, routed.cidr, Some(address("10.0.1.1")), true, false),
        (closed.id, closed.cidr, None, false, true),
    ];
    assert_eq!(shown, expected);
    assert_eq!(hosted.subnets[0].dns_nameservers, routed.dns_nameservers);
    assert_eq!(hosted.subnets[0].host_routes, routed.host_routes);
}

#[tokio::test]
async fn interfaces_carry_addresses_with_their_prefix() {
    let world = World::new().await;
    let (network, first) = world.network_with("blue", "10.0.0.0/24").await;
    let second = world.subnet(network.id, "10.8.0.0/13").await;
    let router = world.router_on("r1", &[&first, &second]).await;
    let bare = world.router_on("bare", &[]).await;
    let topology = topology(&world).await;
    let shown =
        |addresses: &[ipnet::IpNet]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let dhcp = topology.networks[0].dhcp.as_ref().expect("a DHCP port");
    assert_eq!(shown(&dhcp.addresses), ["10.0.0.2/24", "10.8.0.2/13"]);
    let port = world.dhcp_port(network.id).await.expect("a DHCP port");
    assert_eq!((dhcp.port_id, dhcp.mac_address), (port.id, port.mac_address));
    assert_eq!(topology.routers.len(), 2);
    assert_eq!(topology.routers[0].id, router);
    let gateways: Vec<_> =
        topology.routers[0].interfaces.iter().map(|i| shown(&i.addresses)).collect();
    assert_eq!(gateways, [["10.0.0.1/24"], ["10.8.0.1/13"]]);
    assert_eq!(topology.routers[1].id, bare);
    assert!(topology.routers[1].interfaces.is_empty());
}
