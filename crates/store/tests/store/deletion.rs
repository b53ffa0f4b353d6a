use innkeeper_model::{InstanceId, NetworkRequest, PortAttachment};
use innkeeper_store::StoreError;

use crate::world::{World, flavor, id, new_instance, refusal};

fn in_use<T: std::fmt::Debug>(result: Result<T, StoreError>, by_whom: &str) {
    match result.expect_err("should be in use") {
        StoreError::InUse { by, .. } => assert!(by.starts_with(by_whom), "used by {by}"),
        other => panic!("{other:?} should be InUse"),
    }
}

#[tokio::test]
async fn what_is_used_stays() {
    let world = World::new().await;
    let (network, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let dhcp = world.dhcp_port(network.id).await.expect("a DHCP port");
    let router = world.router_on("r1", &[&subnet]).await;
    let store = &world.store;
    in_use(store.network_delete(network.id).await, "port ");
    in_use(store.subnet_delete(subnet.id).await, "router ");
    in_use(store.router_delete(router).await, "subnet ");
    in_use(store.port_delete(dhcp.id).await, "its network's DHCP server");
    let ports = store.port_list(None).await.expect("ports");
    let gateway = ports.iter().find(|port| port.attachment == PortAttachment::Router(router));
    in_use(store.port_delete(gateway.expect("a router's port").id).await, "router ");
    store.router_remove_subnet(router, subnet.id).await.expect("a removal");
    let port = world.port(network.id).await;
    in_use(store.subnet_delete(subnet.id).await, "port ");
    in_use(store.network_delete(network.id).await, "port ");
    store.port_delete(port.id).await.expect("a deletion");
    store.router_delete(router).await.expect("a deletion");
    store.network_delete(network.id).await.expect("a deletion with subnet and DHCP port");
    assert!(store.port_list(None).await.expect("ports").is_empty());
    assert!(store.subnet_list(None).await.expect("subnets").is_empty());
}

#[tokio::test]
async fn a_subnet_takes_the_dhcp_port_s_address_with_it() {
    let world = World::new().await;
    let (network, first) = world.network_with("blue", "10.0.0.0/24").await;
    let second = world.subnet(network.id, "10.0.1.0/24").await;
    assert_eq!(world.dhcp_port(network.id).await.expect("a DHCP port").fixed_ips.len(), 2);
    world.store.subnet_delete(first.id).await.expect("a deletion");
    let left = world.dhcp_port(network.id).await.expect("a DHCP port").fixed_ips;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].subnet_id, second.id);
    world.store.subnet_delete(second.id).await.expect("a deletion");
    assert_eq!(world.dhcp_port(network.id).await, None);
}

#[tokio::test]
async fn an_instance_takes_its_own_ports_with_it_and_leaves_given_ones() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    let given = world.port(network.id).await;
    let mut draft = new_instance(&world.project, "web1");
    draft.networks = vec![NetworkRequest::Port(given.id), NetworkRequest::Network(network.id)];
    let instance = world.store.instance_create(draft).await.expect("an instance").id;
    assert_eq!(world.ports_of(instance).await.len(), 2);
    world.store.instance_delete(instance).await.expect("a deletion");
    let given = world.store.port_fetch(given.id).await.expect("the given port");
    assert_eq!(given.attachment, PortAttachment::None);
    assert_eq!(world.store.port_list(None).await.expect("ports").len(), 2, "given and DHCP");
    assert!(world.store.guest_record(instance).await.expect("a read").is_none());
}

#[tokio::test]
async fn projects_go_last_and_the_default_one_never() {
    let world = World::new().await;
    let other = world.other_project("other").await;
    let instance =
        world.store.instance_create(new_instance(&other, "web1")).await.expect("an instance");
    in_use(world.store.project_delete(&other).await, "instance ");
    world.store.instance_delete(instance.id).await.expect("a deletion");
    world.store.project_delete(&other).await.expect("a deletion");
    let refused = refusal(world.store.project_delete(&id("default")).await);
    assert!(refused.contains("default project stays"), "{refused}");
}

#[tokio::test]
async fn what_was_copied_can_go() {
    let world = World::new().await;
    let instance = world.instance("web1", &[]).await;
    world.store.flavor_delete(&flavor()).await.expect("a deletion");
    let kept = world.store.instance_fetch(instance.id).await.expect("the instance");
    assert_eq!(kept.flavor.name, "m1.small");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    let missing = InstanceId::random();
    for error in [
        world.store.instance_delete(missing).await.expect_err("missing"),
        world.store.instance_fetch(missing).await.expect_err("missing"),
        world.store.flavor_delete(&"nope".parse().expect("an id")).await.expect_err("missing"),
        world.store.key_pair_delete(&world.project, "nope").await.expect_err("missing"),
    ] {
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    }
}
