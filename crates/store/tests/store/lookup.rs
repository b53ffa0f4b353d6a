use innkeeper_model::{
    InstanceId, LookupRefusal, NetworkId, NetworkRequest, NewPort, Origin, OriginScope, RouterId,
};

use crate::world::{World, address, new_instance};

async fn ask(world: &World, scope: OriginScope, from: &str) -> Result<InstanceId, LookupRefusal> {
    let origin = Origin::new(scope, address(from));
    let owner = world.store.port_owner(&origin).await.expect("a lookup");
    owner.map(|owner| {
        assert_eq!(owner.project, world.project);
        owner.instance
    })
}

/// An instance on `network` whose port has this MAC address.
async fn instance_with_mac(world: &World, network: NetworkId, mac: &str) -> InstanceId {
    let mut draft = NewPort::on(world.project.clone(), network);
    draft.mac_address = Some(mac.parse().expect("a MAC address"));
    let port = world.store.port_create(draft).await.expect("a port");
    let mut draft = new_instance(&world.project, "web");
    draft.networks = vec![NetworkRequest::Port(port.id)];
    world.store.instance_create(draft).await.expect("an instance").id
}

#[tokio::test]
async fn one_address_on_two_networks_is_two_machines() {
    let world = World::new().await;
    let (blue, blue_subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let (green, green_subnet) = world.network_with("green", "10.0.0.0/24").await;
    let web1 = world.instance("web1", &[blue.id]).await.id;
    let web2 = world.instance("web2", &[green.id]).await.id;
    let r1 = OriginScope::Router(world.router_on("r1", &[&blue_subnet]).await);
    let r2 = OriginScope::Router(world.router_on("r2", &[&green_subnet]).await);
    for (scope, instance) in [
        (OriginScope::Network(blue.id), web1),
        (OriginScope::OvnNetwork(blue.id), web1),
        (OriginScope::Network(green.id), web2),
        (r1, web1),
        (r2, web2),
    ] {
        assert_eq!(ask(&world, scope, "10.0.0.3").await, Ok(instance), "{scope:?}");
        assert_eq!(ask(&world, scope, "::ffff:10.0.0.3").await, Ok(instance), "{scope:?}");
        assert_eq!(ask(&world, scope, "10.0.0.4").await, Err(LookupRefusal::NoPort));
    }
}

#[tokio::test]
async fn a_scope_that_is_unknown_or_empty_finds_nobody() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let instance = world.instance("web1", &[blue.id]).await.id;
    let empty = world.router_on("empty", &[]).await;
    for scope in [
        OriginScope::Router(RouterId::random()),
        OriginScope::Router(empty),
        OriginScope::Network(NetworkId::random()),
        // Ids of the wrong kind: a network's is no router's.
        OriginScope::Router(RouterId::new(blue.id.uuid())),
    ] {
        let found = ask(&world, scope, "10.0.0.3").await;
        assert_eq!(found, Err(LookupRefusal::UnknownScope), "{scope:?}");
    }
    assert_eq!(ask(&world, OriginScope::Network(blue.id), "10.0.0.3").await, Ok(instance));
}

#[tokio::test]
async fn a_port_without_a_machine_answers_for_nobody() {
    let world = World::new().await;
    let (blue, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    world.port(blue.id).await;
    let router = world.router_on("r1", &[&subnet]).await;
    for scope in [OriginScope::Network(blue.id), OriginScope::Router(router)] {
        // The router's, the DHCP server's, a free port's.
        for from in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            let found = ask(&world, scope, from).await;
            assert_eq!(found, Err(LookupRefusal::NoInstance), "{scope:?} {from}");
        }
    }
}

#[tokio::test]
async fn link_local_addresses_lead_to_macs_within_the_scope() {
    let world = World::new().await;
    let mac = "fa:16:3e:01:02:03";
    let from = "fe80::f816:3eff:fe01:203";
    let (blue, blue_subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let (green, green_subnet) = world.network_with("green", "10.1.0.0/24").await;
    let web1 = instance_with_mac(&world, blue.id, mac).await;
    let web2 = instance_with_mac(&world, green.id, mac).await;
    assert_eq!(ask(&world, OriginScope::Network(blue.id), from).await, Ok(web1));
    assert_eq!(ask(&world, OriginScope::Network(green.id), from).await, Ok(web2));
    let one = OriginScope::Router(world.router_on("one", &[&blue_subnet]).await);
    assert_eq!(ask(&world, one, from).await, Ok(web1));
    // Not EUI-64: made by no MAC address.
    let private = ask(&world, one, "fe80::1234:5678:9abc:def0").await;
    assert_eq!(private, Err(LookupRefusal::NoPort));
    let OriginScope::Router(router) = one else { unreachable!("made above") };
    world.store.router_add_subnet(router, green_subnet.id).await.expect("an attachment");
    assert_eq!(ask(&world, one, from).await, Err(LookupRefusal::SeveralPorts));
}

#[tokio::test]
async fn a_router_s_scope_is_its_own_subnets() {
    let world = World::new().await;
    let (_, blue) = world.network_with("blue", "10.0.0.0/24").await;
    let (green, green_first) = world.network_with("green", "10.1.0.0/24").await;
    // A second range of green, equal to blue's and not on the router.
    world.subnet(green.id, "10.0.0.0/24").await;
    let hidden = world.port_with(green.id, "10.0.0.50").await.expect("a port");
    let mut draft = new_instance(&world.project, "web1");
    draft.networks = vec![NetworkRequest::Port(hidden.id)];
    let instance = world.store.instance_create(draft).await.expect("an instance").id;
    let router = OriginScope::Router(world.router_on("r1", &[&blue, &green_first]).await);
    assert_eq!(ask(&world, router, "10.0.0.50").await, Err(LookupRefusal::NoPort));
    assert_eq!(ask(&world, OriginScope::Network(green.id), "10.0.0.50").await, Ok(instance));
}

#[tokio::test]
async fn an_address_follows_its_port() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let scope = OriginScope::Network(blue.id);
    let web1 = world.instance("web1", &[blue.id]).await.id;
    assert_eq!(ask(&world, scope, "10.0.0.3").await, Ok(web1));
    world.store.instance_delete(web1).await.expect("a deletion");
    assert_eq!(ask(&world, scope, "10.0.0.3").await, Err(LookupRefusal::NoPort));
    let web2 = world.instance("web2", &[blue.id]).await.id;
    assert_eq!(ask(&world, scope, "10.0.0.3").await, Ok(web2));
}
