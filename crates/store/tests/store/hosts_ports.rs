//! What hosts ask of ports: who asks for an address, and what is plugged in.

use innkeeper_model::{
    DhcpBinding, ExtraDhcpOption, InstanceChange, MacAddress, NetworkId, NewPort, PluggedPort,
    Port, PortChange, PortId, limits,
};

use crate::world::{World, address, refusal};

fn prefix(port: &Port) -> String {
    port.id.to_string().chars().take(limits::PORT_PREFIX_CHARS).collect()
}

fn plugged(port: &Port) -> PluggedPort {
    PluggedPort {
        id: port.id,
        network_id: port.network_id,
        mac_address: port.mac_address,
        addresses: port.fixed_ips.iter().map(|fixed| fixed.ip_address).collect(),
    }
}

fn option(name: &str, value: &str) -> ExtraDhcpOption {
    ExtraDhcpOption { name: name.to_owned(), value: value.to_owned() }
}

async fn binding(world: &World, network: NetworkId, mac: MacAddress) -> Option<DhcpBinding> {
    world.store.dhcp_binding(network, mac).await.expect("a read")
}

#[tokio::test]
async fn a_binding_is_the_port_s_with_that_mac_on_that_network() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let (green, _) = world.network_with("green", "10.0.0.0/24").await;
    world.subnet(blue.id, "2001:db8::/64").await;
    let instance = world.instance("web1", &[blue.id]).await;
    let port = world.ports_of(instance.id).await.remove(0);
    let expected = DhcpBinding {
        port_id: port.id,
        addresses: vec![address("10.0.0.3"), address("2001:db8::3")],
        host_name: Some("web1".to_owned()),
        extra_options: Vec::new(),
    };
    assert_eq!(binding(&world, blue.id, port.mac_address).await, Some(expected.clone()));
    assert_eq!(binding(&world, green.id, port.mac_address).await, None, "on another network");
    let mut draft = NewPort::on(world.project.clone(), green.id);
    draft.mac_address = Some(port.mac_address);
    draft.extra_dhcp_opts = vec![option("bootfile-name", "pxelinux.0"), option("42", "a,b")];
    let twin = world.store.port_create(draft.clone()).await.expect("a port");
    let free = DhcpBinding {
        port_id: twin.id,
        addresses: vec![address("10.0.0.3")],
        host_name: None,
        extra_options: draft.extra_dhcp_opts,
    };
    assert_eq!(binding(&world, green.id, port.mac_address).await, Some(free));
    assert_eq!(binding(&world, blue.id, port.mac_address).await, Some(expected), "as before");
}

#[tokio::test]
async fn a_host_name_is_told_without_its_domain() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let instance = world.instance("web1", &[blue.id]).await.id;
    let mac = world.ports_of(instance).await.remove(0).mac_address;
    let hostname = Some("www.example.org".to_owned());
    let change = InstanceChange { hostname, ..InstanceChange::default() };
    world.store.instance_update(instance, change).await.expect("an update");
    let binding = binding(&world, blue.id, mac).await.expect("a binding");
    assert_eq!(binding.host_name.as_deref(), Some("www"));
}

#[tokio::test]
async fn nobody_is_told_anything_as_a_router_or_a_dhcp_server() {
    let world = World::new().await;
    let (blue, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let router = world.router_on("r1", &[&subnet]).await;
    let ours = world.store.port_list(None).await.expect("ports");
    assert_eq!(ours.len(), 2, "the DHCP port and the port of router {router}");
    for port in &ours {
        assert_eq!(binding(&world, blue.id, port.mac_address).await, None, "{port:?}");
        let options = PortChange {
            extra_dhcp_opts: Some(vec![option("42", "10.0.0.9")]),
            ..PortChange::default()
        };
        let refused = refusal(world.store.port_update(port.id, options).await);
        assert!(refused.starts_with("extra_dhcp_opts: port "), "{refused}");
    }
    let plugged = world.store.plugged_ports(ours.iter().map(prefix).collect()).await;
    assert_eq!(plugged.expect("a read"), []);
}

#[tokio::test]
async fn extra_options_are_kept_replaced_and_taken_away() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let mut draft = NewPort::on(world.project.clone(), blue.id);
    draft.extra_dhcp_opts = vec![option("42", "10.0.0.9"), option("router", "")];
    let port = world.store.port_create(draft.clone()).await.expect("a port");
    assert_eq!(port.extra_dhcp_opts, draft.extra_dhcp_opts);
    let set = async |extra_dhcp_opts| {
        let change = PortChange { extra_dhcp_opts, ..PortChange::default() };
        world.store.port_update(port.id, change).await.expect("an update").extra_dhcp_opts
    };
    assert_eq!(set(None).await, draft.extra_dhcp_opts, "left alone");
    let other = vec![option("67", "x")];
    assert_eq!(set(Some(other.clone())).await, other);
    assert_eq!(set(Some(Vec::new())).await, []);
    assert_eq!(
        world.store.port_list(None).await.expect("ports").pop(),
        Some(Port { extra_dhcp_opts: Vec::new(), ..port.clone() })
    );
    draft.extra_dhcp_opts = vec![option("42", "a\nb")];
    let refused = refusal(world.store.port_create(draft).await);
    assert!(refused.starts_with("extra_dhcp_opts[0].value: "), "{refused}");
}

#[tokio::test]
async fn ports_are_found_by_the_beginning_of_their_ids() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    world.subnet(blue.id, "2001:db8::/64").await;
    let mut ports = Vec::new();
    for id in [
        "0a1b2c3d-4e00-4000-8000-000000000001",
        "0a1b2c3d-4eff-4000-8000-000000000002",
        "0a1b2c3d-4fff-4000-8000-000000000003",
        "ffffffff-ffff-4fff-bfff-ffffffffffff",
    ] {
        let mut draft = NewPort::on(world.project.clone(), blue.id);
        draft.id = Some(id.parse().expect("an id"));
        if id.starts_with("ffff") {
            draft.fixed_ips = Some(Vec::new());
        }
        ports.push(world.store.port_create(draft).await.expect("a port"));
    }
    let instance = world.instance("web1", &[blue.id]).await.id;
    let its = world.ports_of(instance).await.remove(0);
    let found = async |prefixes: &[&str]| {
        let prefixes = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
        let found = world.store.plugged_ports(prefixes).await.expect("a read");
        found.iter().map(|port| port.id).collect::<Vec<PortId>>()
    };
    assert_eq!(found(&[]).await, []);
    let (first, second) = (ports[0].id, ports[1].id);
    assert_eq!(found(&["0a1b2c3d-4e"]).await, [first, second], "two that begin alike");
    assert_eq!(found(&["0a1b2c3d-4e", "0a1b2c3d-4e"]).await, [first, second], "each once");
    assert_eq!(found(&["0a1b2c3d-4d", "0a1b2c3d-50", "-----------"]).await, []);
    let known: Vec<_> = ports.iter().skip(2).chain([&its]).collect();
    let mut expected: Vec<_> = known.iter().map(|port| plugged(port)).collect();
    expected.sort_by_key(|port| port.id);
    assert!(expected.iter().any(|port| port.addresses.is_empty()));
    let mut prefixes: Vec<_> = known.iter().map(|port| prefix(port)).collect();
    prefixes.reverse();
    assert_eq!(world.store.plugged_ports(prefixes).await.expect("a read"), expected);
}

#[tokio::test]
async fn what_is_no_beginning_of_an_id_is_refused() {
    let world = World::new().await;
    for bad in ["", "0a1b2c3d-4", "0a1b2c3d-4e0", "0a1b2c3d-4g", "0a1b2c3d_4e", "0a1b2c3d-%é"] {
        let refused = refusal(world.store.plugged_ports(vec![bad.to_owned()]).await);
        assert!(refused.starts_with("prefixes: "), "{bad:?}: {refused}");
    }
    let most = vec!["0a1b2c3d-4e".to_owned(); limits::PORT_PREFIXES_MAX];
    assert_eq!(world.store.plugged_ports(most.clone()).await.expect("a read"), []);
    let more = [most, vec!["0a1b2c3d-4e".to_owned()]].concat();
    let refused = refusal(world.store.plugged_ports(more).await);
    assert!(refused.starts_with("prefixes: 4097 prefixes; at most 4096"), "{refused}");
}
