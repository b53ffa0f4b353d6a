//! cloud-init's OpenStack data source.

use std::{fs, path::Path};

use innkeeper_lab::isolated;
use serde_json::{Value, json};

use crate::{
    cloud_init::Boot,
    inside::Inside,
    machine::{BACK_MTU, Complete, KEY, USER_DATA, WRITTEN, ZONE},
    world,
};

/// How cloud-init knows OpenStack where there is no SMBIOS, as in a container.
const PLATFORM: (&str, &str) = ("product_name", "OpenStack Nova");

/// The newest version that the data source knows.
const VERSION: &str = "2018-08-27";

#[test]
fn cloud_init_reads_all_of_both_trees() {
    isolated(|| {
        let world = world()?;
        let _roles = world.roles()?;
        let complete = Complete::make(&world)?;
        let inside = Inside::new(&world, &complete.guest)?.first_process_has(PLATFORM);
        let boot = Boot::run(&inside, "OpenStack", "")?;

        boot.assert_content(&[]);
        assert_meta_data(boot.read("/meta_data"), &complete);
        assert_network(boot.read("/network_json"), &complete);
        assert_eq!(boot.read("/ec2_metadata"), &complete.ec2(&world)?);
        assert_eq!(boot.user_data, USER_DATA.as_bytes());
        assert_eq!(fs::read_to_string("/run/from-user-data")?, WRITTEN, "cloud-init acted on it");
        let known = &boot.instance_data["v1"];
        assert_eq!(known["cloud_name"], "openstack");
        assert_eq!(known["instance_id"], *complete.machine.id);
        assert_eq!(known["local_hostname"], "web1");
        assert_eq!(known["public_ssh_keys"], json!([KEY]));

        let mut offered = complete.paths_below("/latest/meta-data/")?;
        offered.extend(complete.paths_below(&format!("/openstack/{VERSION}/"))?);
        offered.remove(&format!("/openstack/{VERSION}/"));
        // It never asks for the password, which is there for the guest to write.
        offered.remove(&format!("/openstack/{VERSION}/password"));
        offered.insert("/openstack".to_owned());
        assert_eq!(boot.paths_read(), offered, "it reads what is there, and all of it");
        Ok(())
    });
}

/// `meta_data.json`, with what cloud-init adds under names of its own.
fn assert_meta_data(found: &Value, complete: &Complete) {
    let machine = &complete.machine;
    let seed = found["random_seed"].as_str().unwrap_or_default();
    assert_eq!(seed.len(), 684, "512 bytes in base64: {seed}");
    let expected = json!({
        "availability_zone": ZONE,
        "devices": [],
        "hostname": "web1.novalocal",
        "instance-id": machine.id,
        "keys": [{ "data": KEY, "name": "mykey", "type": "ssh" }],
        "launch_index": 0,
        "local-hostname": "web1.novalocal",
        "meta": { "role": "web" },
        "name": "web1",
        "project_id": "red",
        "public_keys": { "mykey": KEY },
        "random_seed": seed,
        "uuid": machine.id,
    });
    assert_eq!(found, &expected);
}

/// `network_data.json`: one network with DHCP, one without.
fn assert_network(found: &Value, complete: &Complete) {
    let (lan, back) = (&complete.machine, &complete.back);
    let name_server = json!({ "type": "dns", "address": "10.9.0.53" });
    let expected = json!({
        "links": [
            {
                "id": lan.tap(),
                "vif_id": lan.port,
                "type": "bridge",
                "mtu": null,
                "ethernet_mac_address": lan.mac,
            },
            {
                "id": back.tap(),
                "vif_id": back.port,
                "type": "bridge",
                "mtu": BACK_MTU,
                "ethernet_mac_address": back.mac,
            },
        ],
        "networks": [
            {
                "id": "network0",
                "type": "ipv4_dhcp",
                "link": lan.tap(),
                "network_id": lan.network,
            },
            {
                "id": "network1",
                "type": "ipv4",
                "link": back.tap(),
                "ip_address": back.address,
                "netmask": "255.255.255.0",
                "routes": [],
                "network_id": back.network,
                "services": [name_server],
            },
        ],
        "services": [name_server],
    });
    assert_eq!(found, &expected);
}

#[test]
fn cloud_init_makes_interfaces_of_the_network_document() {
    isolated(|| {
        let world = world()?;
        let _serve = world.serve()?;
        let complete = Complete::make(&world)?;
        let inside = Inside::new(&world, &complete.guest)?;
        let reply = complete.guest.get("/openstack/latest/network_data.json")?;
        inside.write("tmp/network_data.json", &reply.text())?;
        let (first, second) =
            (format!("eth0,{}", complete.machine.mac), format!("eth1,{}", complete.back.mac));
        let args = "devel net-convert --kind network_data.json --output-kind eni --distro debian \
                    --network-data /tmp/network_data.json --directory /tmp/made";
        let mut args: Vec<_> = args.split_whitespace().collect();
        args.extend(["--mac", &first, "--mac", &second]);
        inside.output_of("cloud-init", &args)?;

        let made = inside.path("tmp/made/etc/network/interfaces.d/50-cloud-init");
        let text = fs::read_to_string(&made)?;
        let stanza = |name: &str| stanza(&text, name, &made);
        assert_eq!(stanza("eth0"), ["iface eth0 inet dhcp"]);
        let address = format!("address {}/24", complete.back.address);
        let second = stanza("eth1");
        for line in ["iface eth1 inet static", &address, "mtu 1400"] {
            assert!(second.contains(&line), "no {line} in {second:?}");
        }
        // Which of the interfaces has it depends on the version of cloud-init.
        assert!(text.contains("dns-nameservers 10.9.0.53"), "{text}");
        Ok(())
    });
}

/// The lines of an interface in Debian's `interfaces` file.
fn stanza<'a>(text: &'a str, name: &str, path: &Path) -> Vec<&'a str> {
    let first = format!("iface {name} ");
    let lines = text.lines().skip_while(|line| !line.starts_with(&first)).map(str::trim);
    let found: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(!found.is_empty(), "no {name} in {}: {text}", path.display());
    found
}
