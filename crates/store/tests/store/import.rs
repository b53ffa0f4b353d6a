use std::{collections::BTreeMap, fs, path::Path};

use innkeeper_model::{
    ImportedInstance, Instance, InstanceChange, LookupRefusal, NetworkId, NewInstance, NewPort,
    Origin, OriginScope, PortAttachment, PortChange,
};
use innkeeper_store::{Store, StoreError};
use serde_json::{Value, json};

use crate::world::{World, address, flavor, new_instance, new_network, refusal};

/// One interface of an imported machine.
pub(crate) struct Interface<'a> {
    pub(crate) port: &'a str,
    pub(crate) network: NetworkId,
    pub(crate) mac: &'a str,
    pub(crate) addresses: &'a [&'a str],
}

/// A machine with these interfaces, as Nova would have kept it.
pub(crate) fn machine(number: u32, interfaces: &[Interface<'_>]) -> ImportedInstance {
    let vifs = interfaces.iter().map(|interface| {
        let ips: Vec<_> =
            interface.addresses.iter().map(|address| json!({"address": address})).collect();
        let network = json!({"id": interface.network, "subnets": [{"ips": ips}]});
        json!({"id": interface.port, "address": interface.mac, "network": network})
    });
    let input = json!({
        "uuid": format!("00000000-0000-4000-8000-{number:012}"), "project_id": "nova-project",
        "hostname": format!("vm{number}"), "display_name": null, "launch_index": 0,
        "flavor": {"name": "m1.small"}, "network_info": vifs.collect::<Vec<_>>(),
        "ec2_ids": {"instance": number},
    });
    serde_json::from_value(input).expect("an object")
}

pub(crate) const PORT_1: &str = "11111111-0000-4000-8000-000000000001";
pub(crate) const PORT_2: &str = "11111111-0000-4000-8000-000000000002";
const MAC: &str = "fa:16:3e:00:00:01";

async fn import(store: &Store, imported: &ImportedInstance) -> Instance {
    store.instance_import(imported).await.expect("imported")
}

fn recorded() -> BTreeMap<String, ImportedInstance> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(root).expect("the recordings") {
        let path = entry.expect("an entry").path();
        let Ok(text) = fs::read_to_string(path.join("input.json")) else { continue };
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        cases.insert(name, serde_json::from_str(&text).expect("an object"));
    }
    cases
}

#[tokio::test]
async fn every_recorded_machine_comes_back_as_it_was() {
    let world = World::new().await;
    let cases = recorded();
    assert_eq!(cases.len(), 14, "{:?}", cases.keys());
    for round in 1..=2 {
        for (name, imported) in &cases {
            let instance = import(&world.store, imported).await;
            assert_eq!(instance.revision, round, "{name}");
        }
    }
    for (name, imported) in &cases {
        let mut expected = imported.record().expect("a record");
        let id = expected.instance.id;
        let found = world.store.guest_record(id).await.expect("a read").expect("an instance");
        expected.instance.revision = found.instance.revision;
        expected.instance.created_at = found.instance.created_at;
        assert_eq!(found, expected, "{name}");
        assert_eq!(world.store.instance_fetch(id).await.expect("shown"), found.instance);
        for vif in &found.network_info {
            let network: NetworkId =
                vif.network.as_ref().expect("a network").id.parse().expect("id");
            for ip in vif.subnets().iter().flat_map(|subnet| &subnet.ips) {
                let origin = Origin::new(OriginScope::Network(network), ip.address);
                let Ok(owner) = world.store.port_owner(&origin).await.expect("a read") else {
                    continue;
                };
                assert_eq!(
                    (owner.instance, owner.port.to_string()),
                    (id, vif.id.clone()),
                    "{name}"
                );
                assert_eq!(owner.project, found.instance.project_id, "{name}");
            }
        }
    }
    assert_eq!(world.store.instance_list(None).await.expect("listed").len(), 14);
}

#[tokio::test]
async fn importing_again_replaces() {
    let world = World::new().await;
    let network = NetworkId::random();
    let at = |addresses| machine(1, &[Interface { port: PORT_1, network, mac: MAC, addresses }]);
    let first = import(&world.store, &at(&["10.0.0.5"])).await;
    let second = import(&world.store, &at(&["10.0.0.6"])).await;
    assert_eq!((first.id, first.revision + 1), (second.id, second.revision));
    assert_eq!(world.revision(first.id).await, second.revision);
    let ask = async |from| {
        let origin = Origin::new(OriginScope::Network(network), address(from));
        world.store.port_owner(&origin).await.expect("a read").map(|owner| owner.instance)
    };
    assert_eq!(ask("10.0.0.5").await, Err(LookupRefusal::NoPort), "the old address is forgotten");
    assert_eq!(ask("10.0.0.6").await, Ok(first.id));
    world.store.instance_delete(first.id).await.expect("deleted");
    assert_eq!(ask("10.0.0.6").await, Err(LookupRefusal::UnknownScope));
    assert_eq!(world.store.guest_record(first.id).await.expect("a read"), None);
}

#[tokio::test]
async fn a_machine_made_here_is_not_replaced() {
    let world = World::new().await;
    let imported = machine(1, &[]);
    let id = imported.record().expect("a record").instance.id;
    let made = NewInstance { id: Some(id), ..new_instance(&world.project, "web1") };
    world.store.instance_create(made).await.expect("made");
    let refused = world.store.instance_import(&imported).await.expect_err("made here");
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    assert!(refused.to_string().contains("(web1) was made here, not imported"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_read_names_its_field() {
    let world = World::new().await;
    let mut input = serde_json::to_value(machine(1, &[])).expect("JSON");
    input["hostname"] = Value::Null;
    let imported = serde_json::from_value(input).expect("an object");
    let refused = refusal(world.store.instance_import(&imported).await);
    assert!(refused.starts_with("hostname: is missing or null"), "{refused}");
    assert!(world.store.instance_list(None).await.expect("listed").is_empty());
}

#[tokio::test]
async fn one_address_on_two_networks_is_two_imported_machines() {
    let world = World::new().await;
    let (blue, green) = (NetworkId::random(), NetworkId::random());
    let on = |number, port, network| {
        let addresses = &["10.0.0.5", "2001:db8::5"];
        machine(number, &[Interface { port, network, mac: MAC, addresses }])
    };
    let vm1 = import(&world.store, &on(1, PORT_1, blue)).await.id;
    let vm2 = import(&world.store, &on(2, PORT_2, green)).await.id;
    for from in ["10.0.0.5", "::ffff:10.0.0.5", "2001:db8::5", "fe80::f816:3eff:fe00:1"] {
        for (network, vm) in [(blue, vm1), (green, vm2)] {
            let origin = Origin::new(OriginScope::Network(network), address(from));
            let owner = world.store.port_owner(&origin).await.expect("a read");
            assert_eq!(owner.map(|owner| owner.instance), Ok(vm), "{from} on {network}");
        }
    }
    let everywhere = world.store.address_owner(address("10.0.0.5")).await.expect("a read");
    assert_eq!(everywhere, Err(LookupRefusal::SeveralPorts));
    world.store.instance_delete(vm2).await.expect("deleted");
    let everywhere = world.store.address_owner(address("::ffff:10.0.0.5")).await.expect("a read");
    assert_eq!(everywhere.map(|owner| owner.instance), Ok(vm1));
    let nobody = world.store.address_owner(address("10.0.0.6")).await.expect("a read");
    assert_eq!(nobody, Err(LookupRefusal::NoPort));
}

#[tokio::test]
async fn two_ports_of_one_machine_are_two() {
    let world = World::new().await;
    let network = NetworkId::random();
    let interface = |port| Interface { port, network, mac: MAC, addresses: &["10.0.0.5"] };
    import(&world.store, &machine(1, &[interface(PORT_1), interface(PORT_2)])).await;
    let origin = Origin::new(OriginScope::Network(network), address("10.0.0.5"));
    let owner = world.store.port_owner(&origin).await.expect("a read");
    assert_eq!(owner, Err(LookupRefusal::SeveralPorts));
}

#[tokio::test]
async fn imported_and_own_machines_of_one_address_are_never_mixed() {
    let world = World::new().await;
    let (blue, _) = world.network_with("blue", "10.0.0.0/24").await;
    let own = world.instance("web1", &[blue.id]).await.id;
    let origin = Origin::new(OriginScope::Network(blue.id), address("10.0.0.3"));
    let owner = world.store.port_owner(&origin).await.expect("a read");
    assert_eq!(owner.map(|owner| owner.instance), Ok(own));
    let addresses = &["10.0.0.3"];
    let theirs = Interface { port: PORT_1, network: blue.id, mac: MAC, addresses };
    import(&world.store, &machine(1, &[theirs])).await;
    let owner = world.store.port_owner(&origin).await.expect("a read");
    assert_eq!(owner, Err(LookupRefusal::SeveralPorts));
}

#[tokio::test]
async fn an_interface_whose_id_is_no_uuid_is_shown_but_not_found() {
    let world = World::new().await;
    let network = NetworkId::random();
    let addresses = &["10.0.0.5"];
    let odd = Interface { port: "eth0", network, mac: MAC, addresses };
    let id = import(&world.store, &machine(1, &[odd])).await.id;
    let record = world.store.guest_record(id).await.expect("a read").expect("an instance");
    assert_eq!(record.network_info.len(), 1);
    let owner = world.store.address_owner(address("10.0.0.5")).await.expect("a read");
    assert_eq!(owner, Err(LookupRefusal::NoPort));
}

#[tokio::test]
async fn an_imported_machine_can_be_changed_like_any_other() {
    let world = World::new().await;
    let id = import(&world.store, &machine(7, &[])).await.id;
    let project = crate::world::id("nova-project");
    let blue = world.store.network_create(new_network(&project, "blue")).await.expect("a network");
    world.subnet(blue.id, "10.0.0.0/24").await;
    let port = world.store.port_create(NewPort::on(project, blue.id)).await.expect("a port").id;
    let record = async || world.store.guest_record(id).await.expect("a read").expect("there");
    assert_eq!(record().await.display_name, None);
    let change = InstanceChange { name: Some("new".to_owned()), ..InstanceChange::default() };
    world.store.instance_update(id, change).await.expect("renamed");
    assert_eq!(record().await.display_name.as_deref(), Some("new"));
    let plug =
        PortChange { attachment: Some(PortAttachment::Instance(id)), ..PortChange::default() };
    world.store.port_update(port, plug).await.expect("plugged in");
    assert_eq!(record().await.network_info.len(), 1, "a port of ours is shown too");
    let again = import(&world.store, &machine(7, &[])).await;
    assert_eq!(world.revision(id).await, again.revision);
    assert_eq!(record().await.network_info.len(), 1, "and stays plugged in");
    world.store.instance_delete(id).await.expect("deleted");
}

#[tokio::test]
async fn numbers_that_were_brought_are_not_given_again() {
    let world = World::new().await;
    let imported = import(&world.store, &machine(7, &[])).await.id;
    let own = world.instance("web1", &[]).await.id;
    let number = async |id| {
        let record = world.store.guest_record(id).await.expect("a read");
        record.expect("an instance").ec2_ids.instance
    };
    let given = number(own).await;
    assert_eq!(number(imported).await, 7);
    assert!(given > 7, "{given}");
    let mut unnumbered = serde_json::to_value(machine(9, &[])).expect("JSON");
    unnumbered["ec2_ids"] = Value::Null;
    let unnumbered = serde_json::from_value(unnumbered).expect("an object");
    let unnumbered = import(&world.store, &unnumbered).await.id;
    assert!(number(unnumbered).await > given, "one of ours");
}

#[tokio::test]
async fn a_name_that_makes_no_host_name_is_replaced_by_the_id() {
    let world = World::new().await;
    let made = NewInstance::named("\u{30b5}\u{30fc}\u{30d0}", world.project.clone(), flavor());
    let made = world.store.instance_create(made).await.expect("made");
    assert_eq!(made.hostname, format!("Server-{}", made.id));
}
