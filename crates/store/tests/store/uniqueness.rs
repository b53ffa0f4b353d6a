use innkeeper_model::{
    FloatingIpChange, NewFlavor, NewFloatingIp, NewImage, NewKeyPair, NewNetwork, NewPort,
    NewProject, NewRouter, Properties,
};
use innkeeper_store::StoreError;

use crate::world::{World, flavor, new_instance, new_network, new_subnet, refusal};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5n8h1k0h8r3rV0sHcTzv3dQ2K8m1c0m1c0m1c0m1c0 me@here";

fn taken<T: std::fmt::Debug>(result: Result<T, StoreError>, field: &str) {
    let error = result.expect_err("should be taken");
    let named = matches!(&error, StoreError::Conflict { field: found, .. } if found == field);
    assert!(named, "{error:?} should be a conflict of {field}");
}

#[tokio::test]
async fn names_are_unique_within_a_project_and_only_there() {
    let world = World::new().await;
    let other = world.other_project("other").await;
    let key = |project| NewKeyPair {
        name: "k".to_owned(),
        project_id: project,
        key_pair_type: innkeeper_model::KeyPairType::Ssh,
        public_key: KEY.to_owned(),
    };
    let image = |project| NewImage {
        id: None,
        project_id: project,
        name: "debian12".to_owned(),
        file: None,
        disk_format: "raw".to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        properties: Properties::new(),
    };
    let router = |project| NewRouter { id: None, project_id: project, name: "r1".to_owned() };
    let (store, own) = (&world.store, &world.project);
    for project in [own, &other] {
        let made = store.key_pair_create(key(project.clone())).await.expect("a key pair");
        assert!(made.fingerprint.expect("a fingerprint").starts_with("SHA256:"));
        store.image_create(image(project.clone())).await.expect("an image");
        store.router_create(router(project.clone())).await.expect("a router");
        let network = store.network_create(new_network(project, "n")).await.expect("a network");
        let mut subnet = new_subnet(network.id, "10.0.0.0/24");
        subnet.name = "s".to_owned();
        store.subnet_create(subnet.clone()).await.expect("a subnet");
        subnet.cidr = "10.1.0.0/24".parse().expect("a range");
        taken(store.subnet_create(subnet).await, "name");
        taken(store.key_pair_create(key(project.clone())).await, "name");
        taken(store.image_create(image(project.clone())).await, "name");
        taken(store.router_create(router(project.clone())).await, "name");
        taken(store.network_create(new_network(project, "n")).await, "name");
    }
    let one = NewProject { id: None, name: "other".to_owned(), description: String::new() };
    taken(store.project_create(one).await, "name");
}

#[tokio::test]
async fn instance_names_may_repeat_and_ids_may_not() {
    let world = World::new().await;
    let first = world.instance("web", &[]).await;
    world.instance("web", &[]).await;
    let mut again = new_instance(&world.project, "web");
    again.id = Some(first.id);
    taken(world.store.instance_create(again).await, "id");
    let small = NewFlavor {
        id: Some(flavor()),
        name: "another".to_owned(),
        vcpus: 1,
        ram_mib: 1,
        disk_gib: 0,
        extra_specs: Properties::new(),
    };
    taken(world.store.flavor_create(small).await, "id");
    let network = world.network("n").await;
    let draft = NewNetwork { id: Some(network.id), ..new_network(&world.project, "m") };
    taken(world.store.network_create(draft).await, "id");
}

#[tokio::test]
async fn a_mac_and_an_address_are_unique_per_network_and_only_there() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let (green, _) = world.network_with("green", "10.0.0.0/24").await;
    for network in [blue.id, green.id] {
        let mut draft = NewPort::on(world.project.clone(), network);
        draft.mac_address = Some("fa:16:3e:00:00:01".parse().expect("a MAC address"));
        world.store.port_create(draft.clone()).await.expect("a port");
        taken(world.store.port_create(draft).await, "mac_address");
        world.port_with(network, "10.0.0.77").await.expect("a port");
        taken(world.port_with(network, "10.0.0.77").await, "fixed_ips");
    }
}

#[tokio::test]
async fn a_floating_ip_is_known_once() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    let port = world.port(network.id).await;
    let draft = NewFloatingIp {
        project_id: world.project.clone(),
        floating_ip_address: "192.0.2.7".parse().expect("an address"),
        port_id: Some(port.id),
        fixed_ip_address: None,
    };
    let made = world.store.floating_ip_create(draft.clone()).await.expect("a floating IP");
    assert_eq!(made.fixed_ip_address, Some("10.0.0.3".parse().expect("an address")));
    taken(world.store.floating_ip_create(draft).await, "floating_ip_address");
    let astray = FloatingIpChange {
        port_id: Some(port.id),
        fixed_ip_address: Some("10.0.0.9".parse().expect("an address")),
    };
    let refused = refusal(world.store.floating_ip_update(made.id, astray).await);
    assert!(refused.starts_with("fixed_ip_address: "), "{refused}");
    world.store.port_delete(port.id).await.expect("a deletion");
    let made = world.store.floating_ip_fetch(made.id).await.expect("the floating IP");
    assert_eq!((made.port_id, made.fixed_ip_address), (None, None));
}
