use crate::world::{World, new_subnet, refusal};

#[tokio::test]
async fn subnets_of_one_network_do_not_overlap() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    for cidr in ["10.0.0.0/24", "10.0.0.128/25", "10.0.0.0/8"] {
        let mut draft = new_subnet(network.id, cidr);
        draft.name = "again".to_owned();
        let refused = refusal(world.store.subnet_create(draft).await);
        assert!(refused.starts_with("cidr: ") && refused.contains("10.0.0.0/24"), "{refused}");
    }
    world.subnet(network.id, "10.0.1.0/24").await;
}

#[tokio::test]
async fn subnets_of_one_router_do_not_overlap() {
    let world = World::new().await;
    let (_, blue) = world.network_with("blue", "10.0.0.0/24").await;
    let (_, green) = world.network_with("green", "10.0.0.0/16").await;
    let router = world.router_on("r1", &[&blue]).await;
    let refused = refusal(world.store.router_add_subnet(router, green.id).await);
    assert!(refused.starts_with("subnet_id: ") && refused.contains("overlaps"), "{refused}");
    world.router_on("r2", &[&green]).await;
}

#[tokio::test]
async fn a_subnet_is_on_one_router_and_needs_a_gateway() {
    let world = World::new().await;
    let (network, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let first = world.router_on("r1", &[&subnet]).await;
    let second = world.router_on("r2", &[]).await;
    for router in [first, second] {
        let refused = refusal(world.store.router_add_subnet(router, subnet.id).await);
        assert!(refused.contains("on a router already"), "{refused}");
    }
    let mut draft = new_subnet(network.id, "10.0.1.0/24");
    draft.no_gateway = true;
    let bare = world.store.subnet_create(draft).await.expect("a subnet");
    let refused = refusal(world.store.router_add_subnet(second, bare.id).await);
    assert!(refused.contains("has no gateway"), "{refused}");
    world.store.router_remove_subnet(first, subnet.id).await.expect("a removal");
    let port = world.store.router_add_subnet(second, subnet.id).await.expect("an attachment");
    assert_eq!(port.fixed_ips[0].ip_address, subnet.gateway_ip.expect("a gateway"));
    let refused = refusal(world.store.router_remove_subnet(first, subnet.id).await);
    assert!(refused.starts_with("subnet_id: "), "{refused}");
}
