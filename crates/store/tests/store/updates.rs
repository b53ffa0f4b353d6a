use innkeeper_model::{
    FlavorChange, ImageChange, InstanceChange, NewImage, PortAttachment, PortChange, PowerState,
    ProjectChange, Properties, RouterChange, limits,
};

use crate::world::{World, flavor, refusal};

#[tokio::test]
async fn metadata_keeps_its_order_and_its_limit() {
    let world = World::new().await;
    let id = world.instance("web1", &[]).await.id;
    let set = |keys: &[&str]| InstanceChange {
        set_metadata: keys.iter().map(|key| ((*key).to_owned(), "v".to_owned())).collect(),
        ..InstanceChange::default()
    };
    world.store.instance_update(id, set(&["z", "a", "m"])).await.expect("an update");
    let mut change = set(&["b", "z"]);
    change.unset_metadata = vec!["a".to_owned()];
    let kept = world.store.instance_update(id, change).await.expect("an update").metadata;
    let keys: Vec<_> = kept.keys().map(String::as_str).collect();
    assert_eq!(keys, ["z", "m", "b"]);
    let many: Vec<_> = (0..limits::METADATA_ITEMS_MAX).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let refused = refusal(world.store.instance_update(id, set(&many)).await);
    assert!(refused.starts_with("metadata: would have 131 items"), "{refused}");
}

#[tokio::test]
async fn the_first_launch_is_remembered() {
    let world = World::new().await;
    let id = world.instance("web1", &[]).await.id;
    let power = |state| InstanceChange { power_state: Some(state), ..InstanceChange::default() };
    let running = power(PowerState::Running);
    let first = world.store.instance_update(id, running.clone()).await.expect("an update");
    assert!(first.launched_at.is_some());
    world.store.instance_update(id, power(PowerState::Shutdown)).await.expect("an update");
    let again = world.store.instance_update(id, running).await.expect("an update");
    assert_eq!(again.launched_at, first.launched_at);
}

#[tokio::test]
async fn an_instance_keeps_the_flavor_it_was_made_with() {
    let world = World::new().await;
    let id = world.instance("web1", &[]).await.id;
    let change = FlavorChange { name: Some("m2".to_owned()), extra_specs: Some(Properties::new()) };
    let changed = world.store.flavor_update(&flavor(), change).await.expect("an update");
    assert_eq!(world.store.flavor_fetch(&flavor()).await.expect("the flavor"), changed);
    let kept = world.store.instance_fetch(id).await.expect("the instance");
    assert_eq!(kept.flavor.name, "m1.small");
    assert_eq!(kept.revision, 1);
}

#[tokio::test]
async fn names_and_texts_change() {
    let world = World::new().await;
    let other = world.other_project("other").await;
    let change =
        ProjectChange { name: Some("theirs".to_owned()), description: Some("d".to_owned()) };
    let changed = world.store.project_update(&other, change).await.expect("an update");
    assert_eq!(world.store.project_fetch(&other).await.expect("the project"), changed);
    assert_eq!(world.store.project_list().await.expect("projects").len(), 2);
    let taken = ProjectChange { name: Some("default".to_owned()), description: None };
    refusal(world.store.project_update(&other, taken).await);

    let router = world.router_on("r1", &[]).await;
    let change = RouterChange { name: Some("edge".to_owned()) };
    world.store.router_update(router, change).await.expect("an update");
    assert_eq!(world.store.router_fetch(router).await.expect("the router").name, "edge");

    let draft = NewImage {
        id: None,
        project_id: world.project.clone(),
        name: "debian12".to_owned(),
        file: Some("/srv/debian12.qcow2".to_owned()),
        disk_format: "qcow2".to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        properties: Properties::new(),
    };
    let image = world.store.image_create(draft).await.expect("an image");
    let properties: Properties = [("os_distro".to_owned(), "debian".to_owned())].into();
    let change = ImageChange { name: None, properties: Some(properties) };
    let changed = world.store.image_update(image.id, change).await.expect("an update");
    assert_eq!(world.store.image_fetch(image.id).await.expect("the image"), changed);
    world.store.image_delete(image.id).await.expect("a deletion");
}

#[tokio::test]
async fn routers_and_dhcp_ports_are_not_an_operator_s_to_change() {
    let world = World::new().await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    let instance = world.instance("web1", &[network.id]).await;
    let dhcp = world.dhcp_port(network.id).await.expect("a DHCP port");
    let attach = |attachment| PortChange { attachment: Some(attachment), ..PortChange::default() };
    let stolen = attach(PortAttachment::Instance(instance.id));
    let refused = refusal(world.store.port_update(dhcp.id, stolen).await);
    assert!(refused.starts_with("attachment: "), "{refused}");
    let bare = PortChange { fixed_ips: Some(Vec::new()), ..PortChange::default() };
    let refused = refusal(world.store.port_update(dhcp.id, bare).await);
    assert!(refused.starts_with("fixed_ips: "), "{refused}");
    let port = world.port(network.id).await;
    for attachment in
        [PortAttachment::Dhcp, PortAttachment::Router(world.router_on("r", &[]).await)]
    {
        let refused = refusal(world.store.port_update(port.id, attach(attachment)).await);
        assert!(refused.starts_with("attachment: "), "{refused}");
    }
}
