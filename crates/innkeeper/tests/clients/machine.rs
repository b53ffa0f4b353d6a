//! A machine with one of everything that a client can read, and what its operator said of it.

use std::{collections::BTreeSet, fs};

use innkeeper_lab::{Guest, LabError, Machine, Program, World};
use serde_json::{Value, json};

/// The public key, as in the operator's file.
pub(crate) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1cMwQYBSoUdaOfNKYz3CQlMZXkNz6dPB0VuQzEVyG3 \
     me@here";

/// The user data: cloud-config with bytes beyond ASCII, and no line end at its end.
pub(crate) const USER_DATA: &str = "#cloud-config\nwrite_files:\n  - path: /run/from-user-data\n    \
     content: 'Gr\u{fc}\u{df}e an \u{1f3e0}'\nfinal_message: \"l\u{e4}uft\"";

/// What the user data has cloud-init write to `/run/from-user-data`.
pub(crate) const WRITTEN: &str = "Gr\u{fc}\u{df}e an \u{1f3e0}";

/// The address by which the outside reaches the machine.
pub(crate) const FLOATING_IP: &str = "203.0.113.7";

/// The availability zone.
pub(crate) const ZONE: &str = "rack-1";

/// The MTU of the second network.
pub(crate) const BACK_MTU: u16 = 1400;

/// The machine, running and answered.
#[derive(Debug)]
pub(crate) struct Complete {
    /// The machine, described by its port on the network `lan`.
    pub(crate) machine: Machine,
    /// The same machine, described by its port on the network `back`.
    pub(crate) back: Machine,
    pub(crate) guest: Guest,
    /// The instance as the operator's program prints it.
    pub(crate) instance: Value,
}

impl Complete {
    /// Has the operator make it, and plugs it in.
    pub(crate) fn make(world: &World) -> Result<Self, LabError> {
        let write = |name: &str, text: &str| {
            let path = world.directory().join(name);
            fs::write(&path, text).map_err(LabError::from).map(|()| path.display().to_string())
        };
        let key = write("key.pub", KEY)?;
        let user_data = write("user-data", USER_DATA)?;
        world.tenant("red", "10.0.0.0/24")?;
        let operator = |words: &str| world.operator("red", words).map(|_| ());
        operator("router create edge --subnet lan")?;
        operator(&format!("network create back --mtu {BACK_MTU}"))?;
        operator(
            "subnet create back --network back --cidr 10.9.0.0/24 --no-dhcp --gateway none \
             --dns-nameserver 10.9.0.53",
        )?;
        operator(&format!("keypair create mykey --public-key {key}"))?;
        operator("image create kernel6 --disk-format aki")?;
        operator("image create initrd6 --disk-format ari")?;
        operator("image create debian12 --kernel kernel6 --ramdisk initrd6")?;
        let instance = world.query(
            "red",
            &format!(
                "instance create web1 --network lan --network back --flavor m1.small --image \
                 debian12 --key-name mykey --user-data {user_data} --property role=web \
                 --availability-zone {ZONE} --security-group web --security-group ssh"
            ),
        )?;
        let described = world.describe("red", &instance)?;
        let lan = port_of(world, &described, "lan")?;
        let back = port_of(world, &described, "back")?;
        operator(&format!("floating-ip create {FLOATING_IP} --port {}", lan.port))?;
        let guest = world.plug_in(&lan, "10.0.0.1")?;
        plug_in_second(&guest, &back.mac)?;
        world.await_answer(&guest)?;
        Ok(Self { machine: lan, back, guest, instance })
    }

    /// What a guest finds below `/latest/meta-data`, as cloud-init writes it down.
    pub(crate) fn ec2(&self, world: &World) -> Result<Value, LabError> {
        let shown = |leaf: &str| {
            world.operator("red", &format!("instance metadata web1 /latest/meta-data/{leaf}"))
        };
        let numbered = |leaf: &str, prefix: &str| -> Result<String, LabError> {
            let id = shown(leaf)?;
            let digits = id.strip_prefix(prefix).unwrap_or_else(|| panic!("{leaf} is {id:?}"));
            let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(digits.len() == 8 && digits.chars().all(is_hex), "{leaf} is {id:?}");
            Ok(id)
        };
        let hostname = "web1.novalocal";
        Ok(json!({
            "ami-id": numbered("ami-id", "ami-")?,
            "ami-launch-index": "0",
            "ami-manifest-path": "FIXME",
            "block-device-mapping": {
                "ami": "sda1",
                "ephemeral0": "sda2",
                "root": "/dev/sda1",
                "swap": "sda3",
            },
            "hostname": hostname,
            "instance-action": "none",
            "instance-id": numbered("instance-id", "i-")?,
            "instance-type": "m1.small",
            "kernel-id": numbered("kernel-id", "aki-")?,
            "local-hostname": hostname,
            "local-ipv4": self.machine.address,
            "placement": { "availability-zone": ZONE },
            "public-hostname": hostname,
            "public-ipv4": FLOATING_IP,
            "public-keys": { "mykey": KEY },
            "ramdisk-id": numbered("ramdisk-id", "ari-")?,
            "reservation-id": self.instance["reservation_id"],
            // Port by port, as Nova lists them.
            "security-groups": ["web", "ssh", "web", "ssh"],
        }))
    }

    /// Every path below `root` that answers, itself and directories included, as the listings lead
    /// to them.
    pub(crate) fn paths_below(&self, root: &str) -> Result<BTreeSet<String>, LabError> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(path) = waiting.pop() {
            let reply = self.guest.get(&path)?;
            assert_eq!(reply.status, 200, "{path} is listed: {}", reply.text());
            if path.ends_with('/') {
                waiting.extend(reply.text().lines().map(|entry| match entry.split_once('=') {
                    Some((index, _)) => format!("{path}{index}/openssh-key"),
                    None => format!("{path}{entry}"),
                }));
            }
            found.insert(path);
        }
        Ok(found)
    }
}

/// Another machine on the same network, plugged in.
pub(crate) fn neighbour(world: &World) -> Result<Guest, LabError> {
    let machine = world.machine("red", "web2", "lan")?;
    let guest = world.plug_in(&machine, "10.0.0.1")?;
    world.await_answer(&guest)?;
    Ok(guest)
}

/// The machine, described by its port on this network.
fn port_of(world: &World, machine: &Machine, network: &str) -> Result<Machine, LabError> {
    let network = world.query("red", &format!("network show {network}"))?;
    let ports = world.query("red", "port list")?;
    let port = ports.as_array().into_iter().flatten().find(|port| {
        port["network_id"] == network["id"] && port["attachment"]["id"] == *machine.id
    });
    let text = |pointer: &str| -> String {
        let value = port.and_then(|port| port.pointer(pointer)).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("no {pointer} of a port of {machine:?} in {ports}"))
            .to_owned()
    };
    Ok(Machine {
        port: text("/id"),
        mac: text("/mac_address"),
        address: text("/fixed_ips/0/ip_address"),
        network: text("/network_id"),
        ..machine.clone()
    })
}

/// Gives the guest an `eth1` that has this MAC; its network leads nowhere.
fn plug_in_second(guest: &Guest, mac: &str) -> Result<(), LabError> {
    let namespace = format!("guest-{}", guest.name());
    let words = format!("-n {namespace} link add eth1 address {mac} type veth peer name nowhere");
    Program::new("ip").run(words.split_whitespace()).map(|_| ())
}
