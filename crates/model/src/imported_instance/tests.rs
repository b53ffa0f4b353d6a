use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(input: Value) -> Result<GuestRecord, Invalid> {
    serde_json::from_value::<ImportedInstance>(input).expect("an object").record()
}

fn least() -> Value {
    json!({
        "uuid": "2f5687b3-fe6d-5555-8e3c-7e941684b024", "project_id": "p1", "hostname": "web1",
        "launch_index": 0, "flavor": {"name": "m1.small"},
    })
}

fn with(field: &str, value: Value) -> Result<GuestRecord, Invalid> {
    let mut input = least();
    input[field] = value;
    read(input)
}

#[test]
fn little_is_enough() {
    let record = read(least()).expect("the least");
    assert_eq!(record.instance.name, "web1", "operators call it something");
    assert_eq!((record.display_name, record.ec2_ids), (None, Ec2Ids::default()));
    assert!(record.network_info.is_empty() && record.security_groups.is_empty());
}

#[test]
fn null_is_absent() {
    let mut input = least();
    for field in [
        "user_id",
        "display_name",
        "reservation_id",
        "availability_zone",
        "image_ref",
        "kernel_id",
        "ramdisk_id",
        "key_name",
        "keypair",
        "key_data",
        "user_data_b64",
        "metadata",
        "system_metadata",
        "root_device_name",
        "default_ephemeral_device",
        "default_swap_device",
        "block_devices",
        "devices",
        "numa_cells",
        "network_info",
        "security_groups_per_port",
        "config_drive",
        "files",
        "extra_md",
        "ec2_ids",
    ] {
        input[field] = Value::Null;
    }
    assert_eq!(read(input), read(least()));
}

#[test]
fn what_no_document_can_do_without_is_named() {
    for field in ["uuid", "project_id", "hostname", "launch_index", "flavor"] {
        let refused = with(field, Value::Null).expect_err(field);
        assert_eq!(refused.field, field);
        assert!(refused.reason.contains("Nova's database"), "{refused}");
    }
    for (field, value, named) in [
        ("uuid", json!("x"), "uuid"),
        ("image_ref", json!("x"), "image_ref"),
        ("launch_index", json!("x"), "launch_index"),
        ("flavor", json!({}), "flavor.name"),
        ("network_info", json!([{"id": "a", "address": 5}]), "network_info[0].address"),
        ("files", json!([{"path": "/a"}]), "files[0].content"),
        ("files", json!([{"path": "/a/../b", "content": ""}]), "files[0].path"),
        ("devices", json!("x"), "devices"),
        ("user_data_b64", json!("***"), "user_data_b64"),
    ] {
        assert_eq!(with(field, value).expect_err(field).field, named);
    }
}

#[test]
fn devices_that_no_document_knows_are_passed_over() {
    let devices = json!([
        {"type": "gpu", "bus": "pci"},
        {"type": "disk", "bus": "virtio"},
        {"type": "nic", "mac": "fa:16:3e:00:00:01", "bus": null, "future": 1},
        {"type": "disk", "serial": null},
        null,
    ]);
    let devices = with("devices", devices).expect("lenient").instance.devices;
    assert_eq!(devices.len(), 2, "{devices:?}");
}

#[test]
fn a_key_may_be_left_by_name_only() {
    let mut input = least();
    input["key_name"] = json!("k");
    input["key_data"] = json!("ssh-rsa AAAA");
    let record = read(input).expect("a record");
    assert_eq!(record.instance.key_pair, None);
    let key = record.ec2_key.expect("a key");
    assert_eq!((key.name.as_str(), key.public_key.as_deref()), ("k", Some("ssh-rsa AAAA")));
}

#[test]
fn the_password_is_joined_in_the_order_of_its_names() {
    let parts = json!({"password_10": "b", "password_0": "a", "password_2": "c", "other": "x"});
    assert_eq!(with("system_metadata", parts).expect("a record").password, "abc");
}

#[test]
fn secrets_are_not_shown() {
    let mut input = least();
    input["extra_md"] = json!({"admin_pass": "hunter2"});
    let imported: ImportedInstance = serde_json::from_value(input.clone()).expect("an object");
    assert!(!format!("{imported:?}").contains("hunter2"));
    let record = imported.record().expect("a record");
    assert_eq!(record.instance.admin_password.expect("one").expose(), "hunter2");
    input["extra_md"] = json!("hunter2");
    let refused = read(input).expect_err("no object").to_string();
    assert_eq!(refused, "extra_md: is not an object");
}

#[test]
fn values_of_other_types_are_shown_as_text() {
    let flavor = json!({"name": "f", "flavorid": "my flavor", "extra_specs": {"a": 1, "b": true}});
    let flavor = with("flavor", flavor).expect("a record").instance.flavor;
    assert_eq!(flavor.id.as_str(), "my-flavor");
    assert_eq!(flavor.extra_specs["a"], "1");
    assert_eq!(flavor.extra_specs["b"], "true");
}

#[test]
fn an_interface_without_a_network_is_read() {
    let vif = json!([{"id": "x", "address": "fa:16:3e:00:00:01", "network": null}, null]);
    assert_eq!(with("network_info", vif).expect("a record").network_info.len(), 1);
    let cells = json!([{"pcpuset": null}, {"pcpuset": [1]}]);
    assert_eq!(with("numa_cells", cells).expect("a record").instance.numa_cells.len(), 2);
}

/// JSON of any shape, with the field names that matter among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!("2f5687b3-fe6d-5555-8e3c-7e941684b024")),
        Just(json!("10.0.0.0/24")),
        Just(json!("nic")),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            Just("type".to_owned()),
            Just("id".to_owned()),
            Just("address".to_owned()),
            Just("network".to_owned()),
            Just("subnets".to_owned()),
            Just("name".to_owned()),
            "[a-z_]{1,8}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(field in 0_usize..12, value in any_json()) {
        let field = [
            "uuid", "flavor", "network_info", "devices", "numa_cells", "block_devices", "files",
            "ec2_ids", "keypair", "security_groups_per_port", "system_metadata", "user_data_b64",
        ][field];
        if let Err(invalid) = with(field, value.clone()) {
            prop_assert!(invalid.field.starts_with(field), "{invalid} for {field}");
        }
        if let Ok(imported) = serde_json::from_value::<ImportedInstance>(value) {
            prop_assert!(imported.record().is_err(), "an object without a uuid is no machine");
        }
    }
}
