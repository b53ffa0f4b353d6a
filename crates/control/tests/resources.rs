//! Every resource through the real client, over a real socket, into a real store.

mod fixture;

use std::{fmt::Debug, time::Duration};

use fixture::{flavor, new_network, new_project, project, serve, subnet};
use innkeeper_control_api::{Changeable, Client, ControlError, ListFilter, Resource};
use innkeeper_model::{
    Flavor, FlavorChange, FloatingIp, FloatingIpChange, Image, ImageChange, Instance,
    InstanceChange, KeyPair, LookupRefusal, Network, NetworkChange, NetworkRequest, NewFloatingIp,
    NewImage, NewInstance, NewKeyPair, NewPort, NewRouter, Origin, OriginScope, Port, PortChange,
    PowerState, Project, ProjectChange, Properties, Router, RouterChange, Subnet, SubnetChange,
    UserData,
};

/// List, show, change, show again, delete, gone.
async fn walk<R>(client: &Client, made: R, change: R::Change, changed: fn(&R) -> bool)
where
    R: Changeable + Debug + PartialEq,
{
    let id = made.id();
    assert_eq!(client.fetch::<R>(&id).await.expect("shown"), made);
    let filter = ListFilter { project_id: made.project_id().cloned(), name: Some(made.name()) };
    assert_eq!(client.list::<R>(&filter).await.expect("listed").len(), 1, "{}", R::KIND);
    let nobody = ListFilter { name: Some("no such/name?".to_owned()), ..ListFilter::default() };
    assert!(client.list::<R>(&nobody).await.expect("listed").is_empty());
    let after = client.update::<R>(&id, &change).await.expect("changed");
    assert!(changed(&after), "{after:?}");
    assert_eq!(client.fetch::<R>(&id).await.expect("shown"), after);
    client.delete::<R>(&id).await.expect("deleted");
    let gone = client.fetch::<R>(&id).await.expect_err("gone");
    assert!(
        matches!(&gone, ControlError::Refused { status, .. } if *status == 404),
        "{}: {gone:?}",
        R::KIND
    );
}

fn name(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[tokio::test]
async fn projects_flavors_and_images() {
    let served = serve().await;
    let client = &served.client;
    let made = client.create::<Project>(&new_project("p2")).await.expect("made");
    let change = ProjectChange { name: name("p3"), description: None };
    walk(client, made, change, |p| p.name == "p3").await;

    let change = FlavorChange { name: name("m1.tiny"), extra_specs: None };
    walk(client, flavor(client).await, change, |f: &Flavor| f.name == "m1.tiny").await;

    let new = NewImage {
        id: None,
        project_id: project(client, "p1").await,
        name: "debian 12/é".to_owned(),
        file: None,
        disk_format: "qcow2".to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        properties: Properties::new(),
    };
    let made = client.create::<Image>(&new).await.expect("made");
    let change = ImageChange { name: name("debian13"), properties: None };
    walk(client, made, change, |i| i.name == "debian13").await;
}

#[tokio::test]
async fn key_pairs() {
    let served = serve().await;
    let client = &served.client;
    let new = NewKeyPair {
        name: "my key/1".to_owned(),
        project_id: project(client, "p1").await,
        key_pair_type: innkeeper_model::KeyPairType::Ssh,
        public_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5n8h1k0h8r3rV0sHcTzv3dQ2K8m1c0m1c0m1c0\
                     m1c0 me"
            .to_owned(),
    };
    let made = client.create::<KeyPair>(&new).await.expect("made");
    assert_eq!(client.fetch::<KeyPair>(&made.id()).await.expect("shown"), made);
    let all = client.list::<KeyPair>(&ListFilter::default()).await.expect("listed");
    assert_eq!(all, std::slice::from_ref(&made));
    client.delete::<KeyPair>(&made.id()).await.expect("deleted");
    let all = client.list::<KeyPair>(&ListFilter::default()).await.expect("listed");
    assert!(all.is_empty());
}

#[tokio::test]
async fn networks_routers_and_ports() {
    let served = serve().await;
    let client = &served.client;
    let p1 = project(client, "p1").await;
    let network = client.create::<Network>(&new_network(&p1, "blue")).await.expect("made");
    let blue = subnet(client, network.id, "blue", "10.0.0.0/24").await;

    let new = NewRouter { id: None, project_id: p1.clone(), name: "r1".to_owned() };
    let router = client.create::<Router>(&new).await.expect("made");
    let port = client.router_add_subnet(router.id, blue.id).await.expect("attached");
    assert_eq!(Some(port.fixed_ips[0].ip_address), blue.gateway_ip);
    let refused = client.delete::<Router>(&router.id).await.expect_err("in use");
    assert!(matches!(refused, ControlError::Refused { status, .. } if status == 409));
    client.router_remove_subnet(router.id, blue.id).await.expect("detached");
    walk(client, router, RouterChange { name: name("r2") }, |r| r.name == "r2").await;

    let mut new = NewPort::on(p1.clone(), network.id);
    new.name = "web1".to_owned();
    let port = client.create::<Port>(&new).await.expect("made");
    let new = NewFloatingIp {
        project_id: p1.clone(),
        floating_ip_address: "203.0.113.7".parse().expect("an address"),
        port_id: Some(port.id),
        fixed_ip_address: None,
    };
    let floating = client.create::<FloatingIp>(&new).await.expect("made");
    assert!(floating.fixed_ip_address.is_some());
    walk(client, floating, FloatingIpChange::default(), |f| f.port_id.is_none()).await;
    let change = PortChange { name: name("web2"), ..PortChange::default() };
    walk(client, port, change, |p| p.name == "web2").await;

    let change = SubnetChange { name: name("blue-4"), ..SubnetChange::default() };
    let deletable = client.create::<Network>(&new_network(&p1, "red")).await.expect("made");
    let red = subnet(client, deletable.id, "red", "10.1.0.0/24").await;
    walk(client, red, change, |s: &Subnet| s.name == "blue-4").await;
    let change = NetworkChange { mtu: Some(1450), ..NetworkChange::default() };
    walk(client, deletable, change, |n| n.mtu == Some(1450)).await;
}

#[tokio::test]
async fn instances_and_what_their_guests_are_served() {
    let served = serve().await;
    let client = &served.client;
    let p1 = project(client, "p1").await;
    let network = client.create::<Network>(&new_network(&p1, "blue")).await.expect("made");
    subnet(client, network.id, "blue", "10.0.0.0/24").await;
    let mut new = NewInstance::named("web1", p1.clone(), flavor(client).await.id);
    new.networks = vec![NetworkRequest::Network(network.id)];
    let made = client.create::<Instance>(&new).await.expect("made");

    let ports = client.list::<Port>(&ListFilter::default()).await.expect("ports");
    let port = ports.iter().find(|port| port.attachment.instance() == Some(made.id));
    let address = port.expect("the instance's port").fixed_ips[0].ip_address;

    let answer = client.instance_metadata(made.id, "/a%20b/c?recursive=true&x").await;
    let answer = answer.expect("an answer");
    let expected = format!("GET /a%20b/c?recursive=true&x {} p1 Some({address}) None", made.id);
    assert_eq!(String::from_utf8_lossy(&answer.body), expected);
    assert_eq!((answer.status.as_u16(), answer.reason.as_str()), (200, "served"));
    assert_eq!(answer.content_type.as_deref(), Some("text/plain; charset=UTF-8"));
    let answer = client.instance_metadata(made.id, "/nothing").await.expect("a guest's 404");
    assert_eq!((answer.status.as_u16(), answer.reason.as_str()), (404, "no-such-path"));
    assert_eq!(&answer.body[..], b"404 Not Found\n");

    let origin = Origin::new(OriginScope::Network(network.id), address);
    let owner = client.port_owner_lookup(&origin).await.expect("an owner");
    assert_eq!((owner.instance, owner.project), (made.id, p1));
    let origin = Origin::new(origin.scope, "10.0.0.250".parse().expect("an address"));
    let refused = client.port_owner_lookup(&origin).await.expect_err("nobody");
    assert_eq!(refused, ControlError::LookupRefused(LookupRefusal::NoPort));

    let change = InstanceChange { name: name("web2"), ..InstanceChange::default() };
    walk(client, made, change, |i| i.name == "web2").await;
    let nobody = client.instance_metadata(innkeeper_model::InstanceId::random(), "/").await;
    assert!(nobody.expect_err("no instance").to_string().starts_with("there is no instance "));
}

#[tokio::test]
async fn a_change_of_the_topology_wakes_who_waits() {
    let served = serve().await;
    let client = served.client.clone();
    let before = client.topology(None, Duration::ZERO).await.expect("a topology");
    let waiting = tokio::spawn(async move {
        client.topology(Some(before.generation), Duration::from_secs(30)).await
    });
    let p1 = project(&served.client, "p1").await;
    let new = NewRouter { id: None, project_id: p1, name: "r1".to_owned() };
    let router = served.client.create::<Router>(&new).await.expect("a router");
    let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    let topology = woken.expect("woken in time").expect("no panic").expect("a topology");
    assert!(topology.generation > before.generation);
    assert_eq!(topology.routers[0].id, router.id);
}

#[tokio::test]
async fn stopping_lets_who_waits_go() {
    let served = serve().await;
    let client = served.client.clone();
    let before = client.topology(None, Duration::ZERO).await.expect("a topology");
    let generation = before.generation;
    let waiting =
        tokio::spawn(
            async move { client.topology(Some(generation), Duration::from_secs(30)).await },
        );
    served.stop.cancel();
    // Answered, or turned away before it was let in: but not left waiting.
    let ended = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    if let Ok(topology) = ended.expect("let go in time").expect("no panic") {
        assert_eq!(topology, before);
    }
}

#[tokio::test]
async fn writing_an_instance_says_what_its_guest_will_not_understand() {
    let served = serve().await;
    let p1 = project(&served.client, "p1").await;
    let flavor = flavor(&served.client).await;
    let mut new = NewInstance::named("\u{30b5}\u{30fc}\u{30d0}", p1, flavor.id);
    new.user_data = Some(UserData::from_bytes(b"packages: [nginx]\n").expect("fits"));
    let made = served.client.create_with_warnings::<Instance>(&new).await.expect("made");
    assert_eq!(made.warnings.len(), 2, "{:?}", made.warnings);
    assert!(made.warnings[0].starts_with("user data: guests will ignore it"), "{made:?}");
    assert!(made.warnings[1].starts_with("name: no host name"), "{made:?}");
    let id = made.resource.id;
    assert_eq!(served.client.fetch::<Instance>(&id).await.expect("shown"), made.resource);

    let text = b"#cloud-config\npackages: [nginx\nruncmd: []\n";
    let mut change = InstanceChange {
        user_data: Some(UserData::from_bytes(text).expect("fits")),
        ..InstanceChange::default()
    };
    let changed = served.client.update_with_warnings::<Instance>(&id, &change).await;
    let warnings = changed.expect("changed").warnings;
    assert!(warnings[0].contains("broken at line 3 column "), "{warnings:?}");
    change.user_data = Some(UserData::from_bytes(b"#!/bin/sh\n").expect("fits"));
    let changed = served.client.update_with_warnings::<Instance>(&id, &change).await;
    assert_eq!(changed.expect("changed").warnings, Vec::<String>::new());
    change.power_state = Some(PowerState::Running);
    let changed = served.client.update_with_warnings::<Instance>(&id, &change).await;
    assert!(changed.expect("changed").warnings[0].contains("the instance runs"));
}

#[tokio::test]
async fn a_guests_password_is_shown_and_forgotten() {
    let served = serve().await;
    let p1 = project(&served.client, "p1").await;
    let flavor = flavor(&served.client).await;
    let new = NewInstance::named("web1", p1, flavor.id);
    let id = served.client.create::<Instance>(&new).await.expect("made").id;
    assert_eq!(served.client.instance_password(id).await.expect("shown"), "");
    served.store.guest_password_set(id, "c2VjcmV0".to_owned()).await.expect("kept");
    assert_eq!(served.client.instance_password(id).await.expect("shown"), "c2VjcmV0");
    served.client.instance_password_clear(id).await.expect("forgotten");
    assert_eq!(served.client.instance_password(id).await.expect("shown"), "");
    let nobody = served.client.instance_password(innkeeper_model::InstanceId::random()).await;
    assert!(nobody.expect_err("no instance").to_string().starts_with("there is no instance "));
}
