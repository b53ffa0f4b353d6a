use innkeeper_model::{
    ImageId, NetworkRequest, NewFloatingIp, NewImage, NewPort, NewRouter, PortAttachment,
    PortChange, Properties,
};

use crate::world::{World, id, new_instance, new_network, refusal};

/// Two projects; the world's own has a network with a subnet and a free port.
#[tokio::test]
async fn nothing_is_used_across_projects() {
    let world = World::new().await;
    let other = world.other_project("other").await;
    let (network, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let port = world.port(network.id).await;
    let image = NewImage {
        id: None,
        project_id: world.project.clone(),
        name: "debian12".to_owned(),
        file: None,
        disk_format: "raw".to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        properties: Properties::new(),
    };
    let image = world.store.image_create(image).await.expect("an image").id;

    let stray = NewPort::on(other.clone(), network.id);
    names("network_id", &refusal(world.store.port_create(stray).await));
    for request in [NetworkRequest::Network(network.id), NetworkRequest::Port(port.id)] {
        let mut draft = new_instance(&other, "thief");
        draft.networks = vec![request];
        names("networks[0]", &refusal(world.store.instance_create(draft).await));
    }
    let mut draft = new_instance(&other, "thief");
    draft.image_id = Some(image);
    names("image_id", &refusal(world.store.instance_create(draft).await));

    let thief = world.store.instance_create(new_instance(&other, "thief")).await.expect("one");
    let change = PortChange {
        attachment: Some(PortAttachment::Instance(thief.id)),
        ..PortChange::default()
    };
    names("attachment", &refusal(world.store.port_update(port.id, change).await));

    let router = NewRouter { id: None, project_id: other.clone(), name: "r".to_owned() };
    let router = world.store.router_create(router).await.expect("a router").id;
    names("subnet_id", &refusal(world.store.router_add_subnet(router, subnet.id).await));

    let floating = NewFloatingIp {
        project_id: other,
        floating_ip_address: "192.0.2.1".parse().expect("an address"),
        port_id: Some(port.id),
        fixed_ip_address: None,
    };
    names("port_id", &refusal(world.store.floating_ip_create(floating).await));
}

#[tokio::test]
async fn what_is_named_must_exist() {
    let world = World::new().await;
    let nowhere = id("nowhere");
    names("project_id", &refusal(world.store.network_create(new_network(&nowhere, "n")).await));
    names("project_id", &refusal(world.store.instance_create(new_instance(&nowhere, "i")).await));
    let mut draft = new_instance(&world.project, "i");
    draft.key_name = Some("no-key".to_owned());
    names("key_name", &refusal(world.store.instance_create(draft).await));
    let mut draft = new_instance(&world.project, "i");
    draft.image_id = Some(ImageId::random());
    names("image_id", &refusal(world.store.instance_create(draft).await));
    let mut draft = new_instance(&world.project, "i");
    draft.flavor_id = "huge".parse().expect("an id");
    names("flavor_id", &refusal(world.store.instance_create(draft).await));
}

#[tokio::test]
async fn lists_keep_to_their_project() {
    let world = World::new().await;
    let other = world.other_project("other").await;
    world.network_with("blue", "10.0.0.0/24").await;
    world.instance("web1", &[]).await;
    let store = &world.store;
    for (project, count) in [(Some(&other), 0), (Some(&world.project), 1), (None, 1)] {
        assert_eq!(store.network_list(project).await.expect("networks").len(), count);
        assert_eq!(store.subnet_list(project).await.expect("subnets").len(), count);
        assert_eq!(store.port_list(project).await.expect("ports").len(), count);
        assert_eq!(store.instance_list(project).await.expect("instances").len(), count);
    }
}

fn names(field: &str, refused: &str) {
    assert!(refused.starts_with(&format!("{field}: ")), "{refused} should name {field}");
}
