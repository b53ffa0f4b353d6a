//! No path, however hostile, brings the tree down, and none has two answers.

use innkeeper_documents::{CivilDate, Entry, GuestTree, Settings};
use innkeeper_model::{GuestRecord, Instance};
use proptest::prelude::*;

fn record() -> GuestRecord {
    let instance: Instance = serde_json::from_value(serde_json::json!({
        "id": "b65cee2f-8c69-4aeb-be2f-f79742548fc2", "project_id": "p", "name": "web", "hostname": "web",
        "flavor": {"id": "1", "name": "m1", "vcpus": 1, "ram_mib": 1, "disk_gib": 0,
            "extra_specs": {}, "created_at": 0},
        "key_pair": {"name": "ключ/0", "public_key": "k"},
        "launch_index": 0, "reservation_id": "r-00000000", "metadata": {}, "user_data": "",
        "config_drive": false, "power_state": "running", "created_at": 0, "revision": 1,
    }))
    .expect("an instance");
    GuestRecord {
        instance,
        display_name: Some("web".to_owned()),
        ec2_key: Some(innkeeper_model::Ec2Key {
            name: "ключ/0".to_owned(),
            public_key: Some("k".to_owned()),
        }),
        boot_roles: "member".to_owned(),
        ec2_ids: innkeeper_model::Ec2Ids::default(),
        network_info: Vec::new(),
        security_groups: vec!["a/b".to_owned(), "..".to_owned()],
        password: String::new(),
    }
}

fn answer(path: &str) -> Option<Vec<u8>> {
    let (record, settings) = (record(), Settings::default());
    let tree = GuestTree::new(&record, &settings, CivilDate::from_unix(0));
    tree.get(path).map(|entry| match entry {
        Entry::Directory(directory) => directory.listing().into_bytes(),
        Entry::File(file) => file.render(&mut |bytes| bytes.fill(1)).to_vec(),
    })
}

/// Segments that mean something, and some that do not.
fn segment() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "openstack",
        "ec2",
        "latest",
        "2009-04-04",
        "2012-08-10",
        "meta-data",
        "user-data",
        "version",
        "meta_data.json",
        "network_data.json",
        "content",
        "public-keys",
        "0",
        "_name",
        "placement",
        "block-device-mapping",
        "security-groups",
        "a",
        "ami",
        "..",
        ".",
        "",
    ];
    prop_oneof![
        4 => prop::sample::select(KNOWN).prop_map(str::to_owned),
        1 => ".*",
    ]
}

proptest! {
    #[test]
    fn any_path_is_answered(segments in prop::collection::vec(segment(), 0..8)) {
        let path = format!("/{}", segments.join("/"));
        let once = answer(&path);
        prop_assert_eq!(&answer(&format!("{path}/")), &once, "a trailing slash matters");
        prop_assert_eq!(&answer(&path.replace('/', "//")), &once, "a doubled slash matters");
    }
}

#[test]
fn versions_of_days_to_come_are_hidden_but_served() {
    let (record, settings) = (record(), Settings::default());
    let eve = CivilDate::from_unix(1_743_724_799);
    let tree = GuestTree::new(&record, &settings, eve);
    let Some(Entry::Directory(versions)) = tree.get("/openstack") else { panic!("no directory") };
    assert!(versions.listing().ends_with("2020-10-14\nlatest"), "{}", versions.listing());
    assert!(tree.get("/openstack/2025-04-04/meta_data.json").is_some());
    let day = GuestTree::new(&record, &settings, CivilDate::from_unix(1_743_724_800));
    let Some(Entry::Directory(versions)) = day.get("/openstack") else { panic!("no directory") };
    assert!(versions.listing().ends_with("2025-04-04\nlatest"), "{}", versions.listing());
    assert_eq!(versions.listing().len(), 116);
}

#[test]
fn shares_appear_with_2025_04_04_which_latest_means() {
    let (mut record, settings) = (record(), Settings::default());
    let share = r#"{"type": "share", "share_id": "s", "tag": "data", "tags": ["t"]}"#;
    record.instance.devices = vec![serde_json::from_str(share).expect("a device")];
    let tree = GuestTree::new(&record, &settings, CivilDate::from_unix(0));
    let devices = |version: &str| {
        let path = format!("/openstack/{version}/meta_data.json");
        let Some(Entry::File(file)) = tree.get(&path) else { panic!("{path} is no file") };
        let text = String::from_utf8(file.render(&mut |_| {}).to_vec()).expect("ASCII");
        let (_, from_devices) = text.split_once("\"devices\": ").expect("devices");
        from_devices.to_owned()
    };
    let shown = "[{\"type\": \"share\", \"share_id\": \"s\", \"tag\": \"data\", \
                 \"bus\": \"none\", \"address\": \"none\", \"tags\": [\"t\"]}], \
                 \"dedicated_cpus\": []}";
    assert_eq!(devices("latest"), shown);
    assert_eq!(devices("2025-04-04"), shown);
    assert_eq!(devices("2020-10-14"), "[], \"dedicated_cpus\": []}");
}

#[test]
fn a_seed_is_drawn_only_where_one_is_shown() {
    let (record, settings) = (record(), Settings::default());
    let tree = GuestTree::new(&record, &settings, CivilDate::from_unix(0));
    let drawn = |path: &str| {
        let Some(Entry::File(file)) = tree.get(path) else { panic!("{path} is no file") };
        let mut drawn = 0;
        file.render(&mut |bytes| drawn += bytes.len());
        drawn
    };
    assert_eq!(drawn("/openstack/2012-08-10/meta_data.json"), 0);
    assert_eq!(drawn("/openstack/latest/meta_data.json"), 512);
    assert_eq!(drawn("/openstack/latest/network_data.json"), 0);
    assert_eq!(drawn("/latest/meta-data/instance-id"), 0);
}
