//! A bond of two cards and a VLAN over it: the kernels of build machines often have neither, so only
//! a guest's can show that they are made.

use std::{fs::File, path::Path};

use bytes::Bytes;
use innkeeper_image::{Format, Tree, VFAT_BYTES, Volume, build};

use crate::{drives::Kind, guest_program::guest_program, tiny_machine::TinyMachine};

/// A bond by 802.3ad, a VLAN over it with a static address.
const NETWORK: &str = include_str!("../../../guest/tests/network_documents/bond_vlan.json");

const META_DATA: &str =
    r#"{"uuid": "2f0a6b1e-6f0e-4f7c-9f38-1b0f0f7f6d11", "hostname": "bonded.novalocal"}"#;

const APPLY: &str = r#"
echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd
/usr/sbin/innkeeper-guest --source drive --log - >/tmp/said 2>&1
echo "exit $?"
sed 's/^/said /' /tmp/said
sed 's/^/bond /' /proc/net/bonding/tap04f10770-39
sed 's/^/vlan /' /proc/net/vlan/config
ip -4 -o address show | sed 's/^/address /'
ip route show | sed 's/^/route /'
"#;

#[test]
fn bonds_and_vlans_are_made_in_the_guest() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("drive.iso");
    write_drive(&file);
    let machine = TinyMachine::with_drive_running(APPLY, vec![guest_program()])
        .drive(&file, Kind::Iso9660)
        .card("fa:16:3e:00:00:01")
        .card("fa:16:3e:00:00:02");
    let report = machine.boot().report;
    let said = report.lines().join("\n");
    assert_eq!(report.first("exit"), Some("0"), "{said}");
    let bond = report.all("bond").join("\n");
    for part in ["IEEE 802.3ad", "Transmit Hash Policy: layer3+4", "MII Polling Interval (ms): 200"]
    {
        assert!(bond.contains(part), "the bond has no {part:?}: {said}");
    }
    for member in ["fa:16:3e:00:00:01", "fa:16:3e:00:00:02"] {
        let line = format!("Permanent HW addr: {member}");
        assert!(bond.contains(&line), "{member} is no member of the bond: {said}");
    }
    let vlan = report.all("vlan").join("\n");
    assert!(vlan.contains("101") && vlan.contains("tap04f10770-39"), "no VLAN on the bond: {said}");
    let addresses = report.all("address").join("\n");
    assert!(addresses.contains("10.2.0.7/24"), "the VLAN has no address: {said}");
    let routes = report.all("route").join("\n");
    assert!(routes.contains("default via 10.2.0.1"), "no default route: {said}");
}

fn write_drive(file: &Path) {
    let mut tree = Tree::new();
    for (name, contents) in [("meta_data.json", META_DATA), ("network_data.json", NETWORK)] {
        let path = format!("openstack/latest/{name}");
        tree.insert(path, Bytes::from_static(contents.as_bytes())).expect("a path");
    }
    let volume = Volume {
        label: "config-2".to_owned(),
        publisher: "Innkeeper's tests".to_owned(),
        time: 0,
        vfat_bytes: VFAT_BYTES,
    };
    let image = build(&tree, Format::Iso9660, &volume).expect("an image");
    image.write_sparse(&File::create(file).expect("a file")).expect("written");
}
