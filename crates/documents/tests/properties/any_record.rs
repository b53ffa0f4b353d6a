//! Records of any machine that could be, whatever its owner called things.

use innkeeper_model::{Ec2Ids, Ec2Key, GuestRecord, Instance, UserData, Vif};
use proptest::{collection::vec, option, prelude::*, sample::select, string::string_regex};
use serde_json::{Value, json};

/// Any record, with `marker` (letters and digits) in every text that its documents show, and in
/// nobody else's.
pub(crate) fn any_record(marker: &'static str) -> impl Strategy<Value = GuestRecord> {
    let texts = (text(marker), text(marker), option::of(text(marker)), option::of(key(marker)));
    let ids = (any::<u64>(), option::of(any::<u64>()), option::of(any::<u64>()), any::<u64>());
    let rest = (vec(text(marker), 0..4), text(marker), vec(vif(marker), 0..5));
    (instance(marker), texts, ids, rest).prop_map(|(instance, texts, ids, rest)| GuestRecord {
        instance,
        ec2_ids: Ec2Ids { instance: ids.0, image: ids.1, kernel: ids.2, ramdisk: Some(ids.3) },
        display_name: texts.2,
        ec2_key: texts.3,
        boot_roles: texts.0,
        network_info: rest.2,
        security_groups: rest.0,
        password: rest.1,
    })
}

/// Any characters, those that paths, listings and JSON take for their own among them.
fn text(marker: &'static str) -> impl Strategy<Value = String> {
    let weird = select(vec!["", "/", "..", "\n", "\"", "\\", "ключ/0", "\u{1f600}", "\0", "0=a/b"]);
    (weird, string_regex(".{0,8}").expect("a pattern"))
        .prop_map(move |(weird, any)| format!("{weird}{marker}{any}"))
}

fn key(marker: &'static str) -> impl Strategy<Value = Ec2Key> {
    (text(marker), option::of(text(marker)))
        .prop_map(|(name, public_key)| Ec2Key { name, public_key })
}

fn instance(marker: &'static str) -> impl Strategy<Value = Instance> {
    let names = (text(marker), text(marker), option::of(text(marker)), any::<u32>(), text(marker));
    let given = (key_pair(marker), option::of(user_data(marker)), metadata(marker));
    let disks = (
        option::of(text(marker)),
        option::of(text(marker)),
        option::of(text(marker)),
        vec(block_device(marker), 0..6),
    );
    let devices = (vec(device(marker), 0..6), vec(vec(any::<u32>(), 0..9), 0..3));
    (any::<u128>(), names, given, disks, devices).prop_map(
        move |(id, names, given, disks, devices)| {
            let cells: Vec<Value> =
                devices.1.iter().map(|pcpuset| json!({ "pcpuset": pcpuset })).collect();
            let instance = json!({
                "id": uuid(id), "project_id": format!("project-{marker}"),
                "name": names.0, "hostname": names.1, "availability_zone": names.2,
                "launch_index": names.3, "reservation_id": names.4,
                "flavor": {"id": "1", "name": format!("m1.{marker}"), "vcpus": 1, "ram_mib": 1,
                    "disk_gib": 0, "extra_specs": {}, "created_at": 0},
                "key_pair": given.0, "user_data": given.1, "metadata": given.2,
                "root_device_name": disks.0, "default_ephemeral_device": disks.1,
                "default_swap_device": disks.2, "block_devices": disks.3,
                "devices": devices.0, "numa_cells": cells,
                "config_drive": false, "power_state": "running", "created_at": 0, "revision": 1,
            });
            serde_json::from_value(instance).expect("an instance")
        },
    )
}

fn key_pair(marker: &'static str) -> impl Strategy<Value = Value> {
    let key_pair = (text(marker), select(vec!["ssh", "x509"]), text(marker))
        .prop_map(|(name, kind, key)| json!({"name": name, "type": kind, "public_key": key}));
    prop_oneof![Just(Value::Null), key_pair]
}

fn user_data(marker: &'static str) -> impl Strategy<Value = UserData> {
    vec(any::<u8>(), 0..40).prop_map(move |mut bytes| {
        bytes.extend(marker.as_bytes());
        UserData::from_bytes(&bytes).expect("short enough")
    })
}

fn metadata(marker: &'static str) -> impl Strategy<Value = Value> {
    vec((text(marker), text(marker)), 0..4)
        .prop_map(|items| items.into_iter().map(|(k, v)| (k, Value::from(v))).collect())
}

fn block_device(marker: &'static str) -> impl Strategy<Value = Value> {
    let source = select(vec!["image", "volume", "snapshot", "blank", ""]);
    let destination = select(vec!["volume", "local", ""]);
    let format = option::of(select(vec!["swap", "ext4", ""]));
    (source, destination, format, option::of(text(marker)), option::of(-1..3_i32)).prop_map(
        |(source, destination, format, name, boot_index)| {
            json!({
                "source_type": source, "destination_type": destination,
                "guest_format": format, "device_name": name, "boot_index": boot_index,
            })
        },
    )
}

fn device(marker: &'static str) -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        (text(marker), option::of(any::<u32>()), option::of(any::<bool>())).prop_map(
            |(mac, vlan, trusted)| json!({
                "type": "nic", "mac": mac, "vlan": vlan, "vf_trusted": trusted,
            })
        ),
        (text(marker), option::of(text(marker)))
            .prop_map(|(serial, path)| json!({"type": "disk", "serial": serial, "path": path})),
        Just(json!({"type": "disk", "serial": null})),
        Just(json!({"type": "disk"})),
        (text(marker), text(marker))
            .prop_map(|(id, tag)| json!({"type": "share", "share_id": id, "tag": tag})),
    ];
    let bus = option::of(select(vec!["pci", "usb", "scsi", "ide", "xen"]));
    let tags = option::of(vec(text(marker), 0..3));
    (kind, bus, option::of(text(marker)), tags).prop_map(|(mut device, bus, address, tags)| {
        device["bus"] = json!(bus);
        device["address"] = json!(address);
        device["tags"] = json!(tags);
        device
    })
}

fn vif(marker: &'static str) -> impl Strategy<Value = Vif> {
    let types = vec![
        "bridge",
        "dvs",
        "hw_veb",
        "hyperv",
        "ovs",
        "tap",
        "vhostuser",
        "vif",
        "macvtap",
        "other",
    ];
    let network = (vec(subnet(), 0..4), option::of(1..65_536_u32), any::<bool>()).prop_map(
        move |(subnets, mtu, injected)| {
            json!({
                "id": format!("network-{marker}"), "subnets": subnets,
                "meta": {"mtu": mtu, "injected": injected},
            })
        },
    );
    let network = prop_oneof![1 => Just(Value::Null), 6 => network];
    (any::<[u8; 6]>(), option::of(text(marker)), option::of(select(types)), network).prop_map(
        move |(mac, devname, kind, network)| {
            let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
            let vif = json!({
                "id": format!("port-{marker}"), "address": mac, "devname": devname,
                "type": kind, "network": network,
            });
            serde_json::from_value(vif).expect("an interface")
        },
    )
}

fn subnet() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (any::<u32>(), 0..=32_u8)
            .prop_map(|(bits, prefix)| (std::net::Ipv4Addr::from(bits).to_string(), prefix)),
        4 => (any::<u128>(), 0..=128_u8)
            .prop_map(|(bits, prefix)| (std::net::Ipv6Addr::from(bits).to_string(), prefix)),
    ]
    .prop_flat_map(|(address, prefix)| {
        let mode =
            select(vec![None, Some("slaac"), Some("dhcpv6-stateful"), Some("dhcpv6-stateless")]);
        let is_v6 = address.contains(':');
        (
            Just((address, prefix)),
            (0..3_usize, 0..3_usize, 0..3_usize, any::<bool>()),
            (
                option::of(any::<bool>()),
                any::<bool>(),
                mode.prop_filter_map("IPv6 only", move |m| Some(m.filter(|_| is_v6))),
            ),
        )
    })
    .prop_map(|((address, prefix), (ips, dns, routes, gateway), (dhcp, server, mode))| {
        let cidr = format!("{address}/{prefix}");
        let shown = json!({ "address": address });
        json!({
            "cidr": cidr, "ips": vec![shown.clone(); ips], "dns": vec![shown.clone(); dns],
            "routes": vec![json!({"cidr": cidr, "gateway": shown}); routes],
            "gateway": {"address": gateway.then_some(&address)},
            "meta": {
                "enable_dhcp": dhcp, "dhcp_server": server.then_some(&address),
                "ipv6_address_mode": mode,
            },
        })
    })
}

/// The canonical form of an id.
fn uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    let mut groups = hex.chars();
    let mut group = |length| groups.by_ref().take(length).collect::<String>();
    [group(8), group(4), group(4), group(4), group(12)].join("-")
}
