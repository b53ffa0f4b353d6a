use innkeeper_model::{HostedNetwork, NetworkChange, SubnetChange};

use crate::world::{World, new_subnet};

async fn only_network(world: &World) -> HostedNetwork {
    let mut networks = world.store.topology().await.expect("a topology").networks;
    assert_eq!(networks.len(), 1, "{networks:?}");
    networks.remove(0)
}

#[tokio::test]
async fn a_network_serves_metadata_where_no_router_does() {
    let world = World::new().await;
    let (network, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    assert!(only_network(&world).await.metadata, "isolated");
    let router = world.router_on("r1", &[&subnet]).await;
    assert!(!only_network(&world).await.metadata, "the router serves it");
    let mut draft = new_subnet(network.id, "10.0.1.0/24");
    draft.no_gateway = true;
    let second = world.store.subnet_create(draft).await.expect("a subnet");
    assert!(only_network(&world).await.metadata, "one subnet has no gateway");
    let off = SubnetChange { enable_dhcp: Some(false), ..SubnetChange::default() };
    world.store.subnet_update(second.id, off).await.expect("an update");
    assert!(!only_network(&world).await.metadata, "that one has no DHCP now");
    let force = NetworkChange { force_metadata: Some(true), ..NetworkChange::default() };
    world.store.network_update(network.id, force).await.expect("an update");
    assert!(only_network(&world).await.metadata, "forced");
    let neither = NetworkChange {
        force_metadata: Some(false),
        isolated_metadata: Some(false),
        ..NetworkChange::default()
    };
    world.store.network_update(network.id, neither).await.expect("an update");
    world.store.router_remove_subnet(router, subnet.id).await.expect("a removal");
    assert!(!only_network(&world).await.metadata, "isolated, and switched off");
}

#[tokio::test]
async fn interfaces_carry_addresses_with_their_prefix() {
    let world = World::new().await;
    let (network, first) = world.network_with("blue", "10.0.0.0/24").await;
    let second = world.subnet(network.id, "10.8.0.0/13").await;
    let router = world.router_on("r1", &[&first, &second]).await;
    let bare = world.router_on("bare", &[]).await;
    let topology = world.store.topology().await.expect("a topology");
    let shown =
        |addresses: &[ipnet::IpNet]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let hosted = &topology.networks[0];
    assert_eq!(shown(&hosted.interface.addresses), ["10.0.0.2/24", "10.8.0.2/13"]);
    assert_eq!(hosted.interface.bridge, network.bridge_name());
    assert_eq!(topology.routers.len(), 2);
    assert_eq!(topology.routers[0].id, router);
    let gateways: Vec<_> =
        topology.routers[0].interfaces.iter().map(|i| shown(&i.addresses)).collect();
    assert_eq!(gateways, [["10.0.0.1/24"], ["10.8.0.1/13"]]);
    assert_eq!(topology.routers[1].id, bare);
    assert!(topology.routers[1].interfaces.is_empty());
}

/// Runs `$act` and says whether the generation grew; a grown one must come with a new topology.
macro_rules! grew {
    ($world:expr, $act:expr) => {{
        let before = $world.store.topology().await.expect("a topology");
        let done = $act;
        let after = $world.store.topology().await.expect("a topology");
        let generation = $world.store.topology_generation().await.expect("a generation");
        assert_eq!(generation, after.generation);
        let changed = (&before.networks, &before.routers) != (&after.networks, &after.routers);
        let grew = after.generation > before.generation;
        assert_eq!(changed, grew, "{before:?} {after:?}");
        (done, grew)
    }};
}

#[tokio::test]
async fn the_generation_grows_with_the_topology_and_only_then() {
    let world = World::new().await;
    let (network, grown) = grew!(world, world.network("blue").await);
    assert!(!grown, "a network without DHCP is not hosted");
    let (subnet, grown) = grew!(world, world.subnet(network.id, "10.0.0.0/24").await);
    assert!(grown);
    let (instance, grown) = grew!(world, world.instance("web1", &[network.id]).await);
    assert!(!grown);
    let (router, grown) = grew!(world, world.router_on("r1", &[]).await);
    assert!(grown);
    let (_, grown) =
        grew!(world, world.store.router_add_subnet(router, subnet.id).await.expect("added"));
    assert!(grown);
    let (_, grown) = grew!(world, {
        let name = NetworkChange { name: Some("azure".to_owned()), ..NetworkChange::default() };
        world.store.network_update(network.id, name).await.expect("an update")
    });
    assert!(!grown);
    let (_, grown) = grew!(world, {
        let mtu = NetworkChange { mtu: Some(1400), ..NetworkChange::default() };
        world.store.network_update(network.id, mtu).await.expect("an update")
    });
    assert!(grown);
    let ((), grown) =
        grew!(world, world.store.router_remove_subnet(router, subnet.id).await.expect("removed"));
    assert!(grown);
    let ((), grown) = grew!(world, world.store.router_delete(router).await.expect("deleted"));
    assert!(grown);
    world.store.instance_delete(instance.id).await.expect("deleted");
    let ((), grown) = grew!(world, world.store.network_delete(network.id).await.expect("deleted"));
    assert!(grown);
}
