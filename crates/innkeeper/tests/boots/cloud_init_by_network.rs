//! Debian with cloud-init as distributed, on a machine whose firmware says "OpenStack Nova", takes
//! everything from the network that Innkeeper brought up.

use std::{fs, time::Duration};

use innkeeper_lab::{Boot, Bus, GuestImages, LabError, Machine, Qemu, World, inside, isolated};

use crate::{drives::KEY, plugged::serving};

/// Half a minute on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(300);

/// Run once by cloud-init's last stage: what was configured, and whether the metadata address can be
/// reached from the machine as it is when it has booted.
const USER_DATA: &str = r#"#!/bin/sh
echo "ran on $(hostname)" >>/srv/user-data-ran
ip -oneline link show >/srv/cards
cat /etc/resolv.conf >/srv/resolver
python3 - >/srv/asked-again 2>&1 <<'PROGRAM'
import json, urllib.request
url = "http://169.254.169.254/openstack/latest/meta_data.json"
print("uuid", json.load(urllib.request.urlopen(url, timeout=10))["uuid"])
PROGRAM
"#;

#[test]
fn by_way_of_the_router() {
    with_debian(|| {
        let (world, _serving) = serving()?;
        let machine = machine(&world, "lan")?;
        world.operator("red", "router create edge --subnet lan")?;
        let boot = boot(&world, &machine)?;
        check(&boot, &machine, "10.0.0.1");
        Ok(())
    });
}

#[test]
fn by_way_of_the_dhcp_port_of_an_isolated_network() {
    with_debian(|| {
        let (world, _serving) = serving()?;
        let machine = machine(&world, "lan")?;
        let via = world.dhcp_address(&machine)?;
        let boot = boot(&world, &machine)?;
        check(&boot, &machine, &via);
        Ok(())
    });
}

fn with_debian(body: impl FnOnce() -> Result<(), LabError>) {
    if !inside() {
        // Making it takes packages from the network, which is not in reach inside.
        GuestImages::kept().debian().unwrap_or_else(|error| panic!("{error}"));
    }
    isolated(body);
}

fn machine(world: &World, network: &str) -> Result<Machine, LabError> {
    world.tenant("red", "10.0.0.0/24")?;
    world.operator("red", "subnet set lan --dns-nameserver 192.0.2.53")?;
    world.operator("red", &format!("network set {network} --mtu 1450"))?;
    let file = |name: &str, text: &str| {
        let path = world.directory().join(name);
        fs::write(&path, text).map(|()| path.display().to_string())
    };
    let key = file("key.pub", KEY)?;
    let user_data = file("user-data", USER_DATA)?;
    world.operator("red", &format!("keypair create mykey --public-key {key}"))?;
    let words = format!(
        "instance create myinstance --network {network} --flavor m1.small --key-name mykey \
         --user-data {user_data}"
    );
    world.describe("red", &world.query("red", &words)?)
}

fn boot(world: &World, machine: &Machine) -> Result<Boot, LabError> {
    let directory = tempfile::tempdir()?;
    let guest = GuestImages::kept().debian()?;
    let tap = world.tap(machine)?;
    Qemu::new(directory.path(), &guest.kernel, &guest.initramfs)
        .memory(512)
        .drive(&guest.disk, "raw", Bus::Virtio)
        .tap(&tap, &machine.mac)
        .product("OpenStack Nova", &machine.id)
        .append("guest.log")
        .run(PATIENCE)
}

fn check(boot: &Boot, machine: &Machine, via: &str) {
    let report = &boot.report;
    let said = report.lines().join("\n");
    let all = |word: &str| report.all(word).join("\n");
    assert_eq!(report.first("hostname"), Some("myinstance"), "{said}\n{}", boot.console);
    assert_eq!(report.first("instance"), Some(machine.id.as_str()), "{said}");
    assert!(all("datasource").contains("DataSourceOpenStack"), "{said}");
    assert!(all("result").contains("\"errors\": []"), "{said}");
    assert!(report.all("key").contains(&format!("debian 600 {KEY}").as_str()), "{said}");
    assert!(all("file").contains("/srv/user-data-ran root 644 ran on myinstance"), "{said}");
    // As network_data.json says: the card is named by its MAC address and asks DHCP.
    let interfaces = report.all("interfaces");
    let by_dhcp = |line: &&str| line.starts_with("iface e") && line.ends_with(" inet dhcp");
    assert_eq!(interfaces.iter().copied().filter(by_dhcp).count(), 1, "{said}");
    assert!(all("address").contains(&format!("inet {}/24", machine.address)), "{said}");
    let files = all("file");
    assert!(files.contains(" mtu 1450 "), "the network's MTU is not the card's: {said}");
    assert!(files.contains(&format!("link/ether {}", machine.mac)), "{said}");
    assert!(files.contains("/srv/resolver root 644 nameserver 192.0.2.53"), "{said}");
    assert!(all("route").contains("default via 10.0.0.1"), "{said}");
    let metadata = format!("169.254.169.254 via {via}");
    assert!(all("route").contains(&metadata), "no {metadata}: {said}");
    let asked_again = format!("/srv/asked-again root 644 uuid {}", machine.id);
    assert!(report.all("file").contains(&asked_again.as_str()), "{said}");
}
