//! The view from the store of the same process.

use std::time::Duration;

use innkeeper_model::{
    InstanceId, LookupRefusal, NewFlavor, NewInstance, NewNetwork, NewPort, NewSubnet, Origin,
    OriginScope, ProjectId, limits,
};
use innkeeper_network_view::{LookupError, NetworkView};
use innkeeper_store::{Store, StoreLocation};

async fn network(store: &Store, project: &ProjectId) -> innkeeper_model::NetworkId {
    let new: NewNetwork =
        serde_json::from_value(serde_json::json!({ "project_id": project, "name": "lan" }))
            .expect("a network");
    let network = store.network_create(new).await.expect("made").id;
    let new: NewSubnet = serde_json::from_value(
        serde_json::json!({ "network_id": network, "name": "lan", "cidr": "10.0.0.0/24" }),
    )
    .expect("a subnet");
    store.subnet_create(new).await.expect("made");
    network
}

async fn instance(
    store: &Store,
    project: &ProjectId,
    network: innkeeper_model::NetworkId,
) -> InstanceId {
    let new: NewFlavor =
        serde_json::from_value(serde_json::json!({ "name": "m1", "vcpus": 1, "ram_mib": 1 }))
            .expect("a flavor");
    let flavor = store.flavor_create(new).await.expect("made").id;
    let mut new = NewInstance::named("web1", project.clone(), flavor);
    new.networks = vec![innkeeper_model::NetworkRequest::Network(network)];
    store.instance_create(new).await.expect("made").id
}

#[tokio::test]
async fn an_origin_is_one_machine_or_nobody() {
    let store = Store::open(&StoreLocation::Memory).await.expect("a store");
    let project: ProjectId = "default".parse().expect("an id");
    let network = network(&store, &project).await;
    let instance = instance(&store, &project, network).await;
    let record = store.guest_record(instance).await.expect("readable").expect("it is there");
    let address = record.network_info[0].subnets()[0].ips[0].address;
    let view = NetworkView::Store(store);

    let origin = Origin::new(OriginScope::Network(network), address);
    assert_eq!(view.lookup(&origin).await.expect("found").instance, instance);
    let nobody = Origin::new(OriginScope::Network(network), "10.0.0.250".parse().expect("one"));
    assert_eq!(
        view.lookup(&nobody).await,
        Err(LookupError::Refused(LookupRefusal::NoPort)),
        "an address of no port"
    );
}

#[tokio::test]
async fn who_waits_for_a_change_is_told_of_it_at_once() {
    let store = Store::open(&StoreLocation::Memory).await.expect("a store");
    let view = NetworkView::Store(store.clone());
    let empty = view.topology(None, Duration::ZERO).await.expect("readable");
    assert!(empty.networks.is_empty());

    let waiting = tokio::spawn(async move {
        view.topology(Some(empty.generation), Duration::from_secs(30)).await
    });
    let project: ProjectId = "default".parse().expect("an id");
    network(&store, &project).await;
    let changed = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    let changed = changed.expect("within 5 s").expect("no panic").expect("readable");
    assert!(changed.generation > empty.generation);
}

#[tokio::test]
async fn a_port_is_found_by_who_is_plugged_in_and_by_its_interface() {
    let store = Store::open(&StoreLocation::Memory).await.expect("a store");
    let project: ProjectId = "default".parse().expect("an id");
    let network = network(&store, &project).await;
    let mut new = NewPort::on(project, network);
    new.id = Some("ffffffff-ffff-4fff-bfff-ffffffffffff".parse().expect("an id"));
    let port = store.port_create(new).await.expect("made");
    let view = NetworkView::Store(store);

    let binding = view.dhcp_binding(network, port.mac_address).await.expect("readable");
    assert_eq!(binding.expect("known").port_id, port.id);
    let elsewhere = view.dhcp_binding(innkeeper_model::NetworkId::random(), port.mac_address).await;
    assert_eq!(elsewhere, Ok(None));

    // More than the store takes at once.
    let mut prefixes: Vec<_> =
        (0..=limits::PORT_PREFIXES_MAX).map(|number| format!("{number:08x}-00")).collect();
    prefixes.push("ffffffff-ff".to_owned());
    let plugged = view.plugged_ports(prefixes).await.expect("readable");
    let ids: Vec<_> = plugged.iter().map(|port| port.id).collect();
    assert_eq!(ids, [port.id]);
    view.plugged_ports(vec!["tap0".to_owned()]).await.expect_err("no beginning of an id");
}
