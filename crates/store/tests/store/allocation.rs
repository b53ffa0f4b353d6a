use innkeeper_model::{
    FixedIpRequest, Ipv6Mode, NetworkRequest, NewPort, PortAttachment, PortChange, limits,
};
use innkeeper_store::StoreError;

use crate::world::{World, address, at, new_instance, new_subnet, refusal};

#[tokio::test]
async fn an_instance_gets_the_lowest_free_address_and_an_openstack_mac() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    // .1 is the gateway, .2 the DHCP port.
    let first = world.instance("web1", &[network.id]).await;
    let second = world.instance("web2", &[network.id]).await;
    assert_eq!(world.addresses_of(first.id).await, ["10.0.0.3"]);
    assert_eq!(world.addresses_of(second.id).await, ["10.0.0.4"]);
    let mac = world.ports_of(first.id).await[0].mac_address.to_string();
    assert!(mac.starts_with("fa:16:3e:"), "{mac}");
    world.store.instance_delete(first.id).await.expect("a deletion");
    let third = world.instance("web3", &[network.id]).await;
    assert_eq!(world.addresses_of(third.id).await, ["10.0.0.3"], "the gap is filled first");
}

#[tokio::test]
async fn the_gateway_is_passed_over_wherever_it_is() {
    let world = World::new().await;
    let network = world.network("blue").await;
    let mut draft = new_subnet(network.id, "10.0.0.0/29");
    draft.gateway_ip = Some(address("10.0.0.3"));
    draft.enable_dhcp = false;
    world.store.subnet_create(draft).await.expect("a subnet");
    let mut given = Vec::new();
    for index in 0..5 {
        let instance = world.instance(&format!("web{index}"), &[network.id]).await;
        given.extend(world.addresses_of(instance.id).await);
    }
    assert_eq!(given, ["10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
    let full = refusal(world.try_instance("web6", &[network.id]).await);
    assert!(full.contains("no free address left in 10.0.0.0/29"), "{full}");
    assert!(full.contains("delete unused ports"), "{full}");
}

#[tokio::test]
async fn nothing_stays_of_an_instance_that_could_not_be_made() {
    let world = World::new().await;
    let (roomy, _) = world.network_with("roomy", "10.0.0.0/24").await;
    let (full, _) = world.network_with("full", "10.1.0.0/30").await;
    let ports = world.store.port_list(None).await.expect("ports").len();
    refusal(world.try_instance("web1", &[roomy.id, full.id]).await);
    assert_eq!(world.store.port_list(None).await.expect("ports").len(), ports);
    assert!(world.store.instance_list(None).await.expect("instances").is_empty());
}

#[tokio::test]
async fn each_family_gives_one_address() {
    let world = World::new().await;
    let network = world.network("blue").await;
    for cidr in ["2001:db8:1::/64", "10.0.0.0/24", "10.0.1.0/24", "2001:db8:2::/64"] {
        world.subnet(network.id, cidr).await;
    }
    let instance = world.instance("web1", &[network.id]).await;
    assert_eq!(world.addresses_of(instance.id).await, ["10.0.0.3", "2001:db8:1::3"]);
}

#[tokio::test]
async fn autoconfigured_addresses_are_made_from_the_mac() {
    let world = World::new().await;
    let network = world.network("blue").await;
    let mut draft = new_subnet(network.id, "2001:db8::/64");
    draft.ipv6_address_mode = Some(Ipv6Mode::Slaac);
    world.store.subnet_create(draft).await.expect("a subnet");
    let mut draft = NewPort::on(world.project.clone(), network.id);
    draft.mac_address = Some("fa:16:3e:01:02:03".parse().expect("a MAC address"));
    let port = world.store.port_create(draft).await.expect("a port");
    let expected = address("2001:db8::f816:3eff:fe01:203");
    assert_eq!(port.fixed_ips[0].ip_address, expected);
    let refused = refusal(world.port_with(network.id, "2001:db8::5").await);
    assert!(refused.starts_with("fixed_ips: ") && refused.contains("autoconfigured"), "{refused}");

    let mut narrow = new_subnet(network.id, "2001:db8:1::/80");
    narrow.ipv6_address_mode = Some(Ipv6Mode::Dhcpv6Stateless);
    let refused = refusal(world.store.subnet_create(narrow).await);
    assert!(refused.starts_with("cidr: ") && refused.contains("/64"), "{refused}");
}

#[tokio::test]
async fn a_network_without_a_subnet_gives_no_address() {
    let world = World::new().await;
    let network = world.network("bare").await;
    let instance = world.instance("web1", &[network.id]).await;
    assert!(world.addresses_of(instance.id).await.is_empty());
    assert_eq!(world.ports_of(instance.id).await.len(), 1);
}

#[tokio::test]
async fn named_addresses_must_be_a_machine_s() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    for (wanted, why) in [
        ("10.0.0.0", "network address"),
        ("10.0.0.255", "broadcast address"),
        ("10.0.0.1", "gateway"),
        ("10.0.0.2", "taken by port"),
        ("10.0.1.5", "no subnet with 10.0.1.5"),
        ("2001:db8::5", "no subnet with"),
    ] {
        let refused = refusal(world.port_with(network.id, wanted).await);
        assert!(refused.starts_with("fixed_ips: "), "{wanted}: {refused}");
        assert!(refused.contains(why), "{wanted}: {refused}");
    }
    let port = world.port_with(network.id, "10.0.0.200").await.expect("a port");
    assert_eq!(port.fixed_ips[0].ip_address, address("10.0.0.200"));
}

#[tokio::test]
async fn any_address_never_takes_a_named_one() {
    let world = World::new().await;
    let (network, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let mut draft = NewPort::on(world.project.clone(), network.id);
    let any = FixedIpRequest { subnet_id: Some(subnet.id), ip_address: None };
    draft.fixed_ips = Some(vec![any.clone(), at("10.0.0.3")]);
    let port = world.store.port_create(draft).await.expect("a port");
    let addresses: Vec<_> = port.fixed_ips.iter().map(|f| f.ip_address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.4", "10.0.0.3"], "in the order of the request");
    let change = PortChange { fixed_ips: Some(vec![any]), ..PortChange::default() };
    let port = world.store.port_update(port.id, change).await.expect("an update");
    assert_eq!(port.fixed_ips[0].ip_address, address("10.0.0.4"), "any: the one it has");
}

#[tokio::test]
async fn a_given_port_must_be_free() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    let port = world.port(network.id).await;
    let mut draft = new_instance(&world.project, "web1");
    draft.networks = vec![NetworkRequest::Port(port.id)];
    let instance = world.store.instance_create(draft.clone()).await.expect("an instance");
    let attached = world.store.port_fetch(port.id).await.expect("the port").attachment;
    assert_eq!(attached, PortAttachment::Instance(instance.id));
    let refused = refusal(world.store.instance_create(draft.clone()).await);
    assert!(refused.starts_with("networks[0]: ") && refused.contains("attached to"), "{refused}");

    let dhcp = world.dhcp_port(network.id).await.expect("a DHCP port");
    draft.networks = vec![NetworkRequest::Port(dhcp.id)];
    let refused = refusal(world.store.instance_create(draft).await);
    assert!(refused.contains("DHCP server"), "{refused}");
}

#[tokio::test]
async fn an_instance_has_only_so_many_ports() {
    let world = World::new().await;
    let network = world.network("bare").await;
    let most = vec![network.id; limits::PORTS_PER_INSTANCE_MAX];
    let instance = world.instance("web1", &most).await;
    let port = world.port(network.id).await;
    let change = PortChange {
        attachment: Some(PortAttachment::Instance(instance.id)),
        ..PortChange::default()
    };
    let error = world.store.port_update(port.id, change).await.expect_err("one too many");
    assert!(
        matches!(&error, StoreError::Conflict { field, .. } if field == "attachment"),
        "{error}"
    );
}

#[tokio::test]
async fn a_large_subnet_is_filled_without_a_query_per_address() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/16").await;
    for index in 0..300 {
        let port = world.port(network.id).await;
        let expected = 0x0a00_0003 + index;
        let expected = std::net::Ipv4Addr::from_bits(expected);
        assert_eq!(port.fixed_ips[0].ip_address, std::net::IpAddr::V4(expected));
    }
}
