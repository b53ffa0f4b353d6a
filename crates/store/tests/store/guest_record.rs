use innkeeper_model::{
    DeviceKind, NetworkChange, NetworkRequest, NewFloatingIp, NewImage, NewKeyPair, NewPort,
    Properties, SubnetChange,
};

use crate::world::{World, address, new_instance, new_subnet, refusal};

#[tokio::test]
async fn network_info_is_derived_from_ports_networks_and_subnets() {
    let world = World::new().await;
    let (blue, subnet) = world.network_with("blue", "10.0.0.0/24").await;
    let mtu = NetworkChange { mtu: Some(1450), ..NetworkChange::default() };
    world.store.network_update(blue.id, mtu).await.expect("an update");
    let mut plain = new_subnet(blue.id, "2001:db8::/64");
    plain.enable_dhcp = false;
    world.store.subnet_create(plain).await.expect("a subnet");
    let dns = SubnetChange {
        dns_nameservers: Some(vec![address("192.0.2.53")]),
        ..SubnetChange::default()
    };
    world.store.subnet_update(subnet.id, dns).await.expect("an update");
    let instance = world.instance("web1", &[blue.id]).await;
    let port = world.ports_of(instance.id).await.remove(0);
    let floating = NewFloatingIp {
        project_id: world.project.clone(),
        floating_ip_address: "198.51.100.7".parse().expect("an address"),
        port_id: Some(port.id),
        fixed_ip_address: None,
    };
    world.store.floating_ip_create(floating).await.expect("a floating IP");

    let record = world.store.guest_record(instance.id).await.expect("a read").expect("a record");
    let [vif] = &record.network_info[..] else { panic!("{:?}", record.network_info) };
    assert_eq!(vif.id, port.id.to_string());
    assert_eq!(vif.address, port.mac_address.to_string());
    assert_eq!(vif.vif_type.as_deref(), Some("bridge"));
    let device = format!("tap{}", &port.id.to_string()[..11]);
    assert_eq!(vif.devname, Some(device));
    let network = vif.network.as_ref().expect("a network");
    assert_eq!(network.label.as_deref(), Some("blue"));
    assert_eq!(network.meta.mtu, Some(1450));
    let [v4, v6] = &network.subnets[..] else { panic!("{:?}", network.subnets) };
    assert_eq!(v4.meta.dhcp_server, Some(address("10.0.0.2")));
    assert_eq!(v4.meta.enable_dhcp, Some(true));
    assert_eq!(v4.gateway.as_ref().map(|g| g.address), Some(address("10.0.0.1")));
    assert_eq!(v4.dns[0].address, address("192.0.2.53"));
    assert_eq!(v4.ips[0].floating_ips[0].address, address("198.51.100.7"));
    assert_eq!(v6.meta.dhcp_server, None);
    assert_eq!(v6.meta.enable_dhcp, Some(false));
    assert!(v6.ips[0].floating_ips.is_empty());
}

#[tokio::test]
async fn interfaces_come_in_the_order_of_attachment() {
    let world = World::new().await;
    let bare = world.network("bare").await;
    let mut ports = Vec::new();
    for group in ["a", "b", "c"] {
        let mut draft = NewPort::on(world.project.clone(), bare.id);
        draft.security_groups = vec![group.to_owned(), "default".to_owned()];
        ports.push(world.store.port_create(draft).await.expect("a port").id);
    }
    ports.swap(0, 2);
    let mut draft = new_instance(&world.project, "web1");
    draft.networks = ports.iter().copied().map(NetworkRequest::Port).collect();
    let instance = world.store.instance_create(draft).await.expect("an instance").id;
    let record = world.store.guest_record(instance).await.expect("a read").expect("a record");
    let order: Vec<_> = record.network_info.iter().map(|vif| vif.id.clone()).collect();
    let wanted: Vec<_> = ports.iter().map(ToString::to_string).collect();
    assert_eq!(order, wanted);
    assert_eq!(record.security_groups, ["c", "default", "b", "default", "a", "default"]);
}

#[tokio::test]
async fn an_instance_is_kept_whole() {
    let world = World::new().await;
    let image = |name: &str| NewImage {
        id: None,
        project_id: world.project.clone(),
        name: name.to_owned(),
        file: None,
        disk_format: "aki".to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        properties: Properties::new(),
    };
    let kernel = world.store.image_create(image("vmlinuz")).await.expect("an image").id;
    let mut disk = image("debian12");
    disk.kernel_id = Some(kernel);
    disk.properties = [("img_config_drive".to_owned(), "mandatory".to_owned())].into();
    let disk = world.store.image_create(disk).await.expect("an image").id;
    let key = NewKeyPair {
        name: "mykey".to_owned(),
        project_id: world.project.clone(),
        key_pair_type: innkeeper_model::KeyPairType::X509,
        public_key: "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n".to_owned(),
    };
    world.store.key_pair_create(key.clone()).await.expect("a key pair");

    let mut draft = new_instance(&world.project, "My Web_1");
    draft.image_id = Some(disk);
    draft.key_name = Some("mykey".to_owned());
    draft.metadata = ["z", "a", "m"].map(|key| (key.to_owned(), String::new())).into();
    draft.admin_password = Some(innkeeper_model::Secret::new("hunter2"));
    draft.user_data = Some(innkeeper_model::UserData::from_bytes(b"\xff\0#!").expect("small"));
    let made = world.store.instance_create(draft).await.expect("an instance");
    assert_eq!(made.hostname, "my-web-1");
    assert_eq!(made.revision, 1);
    assert!(made.config_drive, "the image demands it");
    assert_eq!(made.kernel_id, Some(kernel));
    assert!(made.reservation_id.starts_with("r-") && made.reservation_id.len() == 10);
    let kept = world.store.instance_fetch(made.id).await.expect("the instance");
    assert_eq!(kept, made, "what is read is what was written");
    let keys: Vec<_> = kept.metadata.keys().map(String::as_str).collect();
    assert_eq!(keys, ["z", "a", "m"], "in the order given");
    assert_eq!(kept.key_pair.expect("a key").public_key, key.public_key);

    let unnamed = world.instance("日本", &[]).await;
    assert_eq!(unnamed.hostname, format!("Server-{}", unnamed.id));
    let record = world.store.guest_record(made.id).await.expect("a read").expect("a record");
    assert_eq!(record.ec2_ids.instance, 1);
    assert!(record.ec2_ids.image.is_some() && record.ec2_ids.kernel.is_some());
    assert_eq!(record.ec2_ids.ramdisk, None);
}

#[tokio::test]
async fn an_ec2_number_is_given_once() {
    let world = World::new().await;
    let number = async |id| {
        let record = world.store.guest_record(id).await.expect("a read").expect("a record");
        record.ec2_ids.instance
    };
    let first = world.instance("web1", &[]).await.id;
    let given = number(first).await;
    world.store.instance_delete(first).await.expect("a deletion");
    let second = world.instance("web2", &[]).await.id;
    assert_ne!(number(second).await, given, "a number outlives its instance");
    let mut again = new_instance(&world.project, "web1");
    again.id = Some(first);
    world.store.instance_create(again).await.expect("the same instance again");
    assert_eq!(number(first).await, given, "and comes back with it");
}

#[tokio::test]
async fn a_guest_posts_its_password_once() {
    let world = World::new().await;
    let id = world.instance("web1", &[]).await.id;
    let store = &world.store;
    let posted = async || store.guest_record(id).await.expect("a read").expect("a record").password;
    store.guest_password_set(id, String::new()).await.expect("nothing");
    let long = refusal(store.guest_password_set(id, "x".repeat(1021)).await);
    assert!(long.starts_with("password: has 1021 bytes"), "{long}");
    store.guest_password_set(id, "c2VjcmV0".to_owned()).await.expect("the first");
    refusal(store.guest_password_set(id, "other".to_owned()).await);
    assert_eq!(posted().await, "c2VjcmV0");
    store.guest_password_clear(id).await.expect("a clearing");
    assert_eq!(posted().await, "");
}

#[tokio::test]
async fn a_port_s_tag_is_on_a_device_and_on_one_only() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let mut ports = Vec::new();
    for _ in 0..2 {
        let mut draft = NewPort::on(world.project.clone(), blue.id);
        draft.tag = Some("uplink".to_owned());
        ports.push(world.store.port_create(draft).await.expect("a port"));
    }
    let mut draft = new_instance(&world.project, "web1");
    draft.networks = ports.iter().map(|port| NetworkRequest::Port(port.id)).collect();
    let refused = refusal(world.store.instance_create(draft.clone()).await);
    assert!(refused.contains("the tag \"uplink\" already"), "{refused}");

    draft.networks.truncate(1);
    let instance = world.store.instance_create(draft).await.expect("an instance").id;
    let record = world.store.guest_record(instance).await.expect("a read").expect("a record");
    let [device] = &record.instance.devices[..] else { panic!("{:?}", record.instance.devices) };
    assert_eq!(device.tags.as_deref(), Some(&["uplink".to_owned()][..]));
    let mac = ports[0].mac_address.to_string();
    assert!(matches!(&device.kind, DeviceKind::Nic { mac: shown, .. } if *shown == mac));
}
