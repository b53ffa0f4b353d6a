//! The tiny guest finds 169.254.169.254 by what DHCP tells it: by way of the router where there is
//! one, else by way of the DHCP port.

use innkeeper_lab::{LabError, Machine, Report, World};
use serde_json::Value;

use crate::plugged::{assert_own, boot, boot_all, serving, with_tiny_guests};

/// Once without asking for option 121, once asking for it.
const RUN: &str = "
dhcp unasked
ask meta 169.254.169.254
dhcp asked -O staticroutes
ask meta 169.254.169.254
";

/// Long enough for the other machine to be up for most of it.
const RUN_LONG: &str = "
dhcp asked -O staticroutes
for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    ask meta 169.254.169.254
    usleep 200000
done
";

#[test]
fn by_way_of_the_router() {
    with_tiny_guests(|| {
        let (world, _serving) = serving()?;
        world.tenant("red", "10.0.0.0/24")?;
        world.operator("red", "router create edge --subnet lan")?;
        let machine = world.machine("red", "web1", "lan")?;
        let report = boot(&world, &machine, RUN)?;
        for what in ["unasked", "asked"] {
            check(&report, what, &machine, "10.0.0.1", Some("10.0.0.1"));
        }
        assert_own(&report, "meta", &machine);
        Ok(())
    });
}

#[test]
fn by_way_of_the_dhcp_port_of_an_isolated_network() {
    with_tiny_guests(|| {
        let (world, _serving) = serving()?;
        world.tenant("blue", "10.0.0.0/24")?;
        let machine = world.machine("blue", "web1", "lan")?;
        let via = world.dhcp_address(&machine)?;
        assert_ne!(via, "10.0.0.1");
        let report = boot(&world, &machine, RUN)?;
        for what in ["unasked", "asked"] {
            // The subnet has a gateway address, which nobody has.
            check(&report, what, &machine, &via, Some("10.0.0.1"));
        }
        assert_own(&report, "meta", &machine);
        Ok(())
    });
}

#[test]
fn by_way_of_the_dhcp_port_where_there_is_no_gateway() {
    with_tiny_guests(|| {
        let (world, _serving) = serving()?;
        let machine = without_gateway(&world)?;
        let via = world.dhcp_address(&machine)?;
        let report = boot(&world, &machine, RUN)?;
        for what in ["unasked", "asked"] {
            check(&report, what, &machine, &via, None);
            let routes = report.all(&format!("{what}-route")).join("\n");
            assert!(routes.contains("192.168.9.0/24 via 10.0.0.9"), "no host route: {routes}");
        }
        assert_own(&report, "meta", &machine);
        Ok(())
    });
}

#[test]
fn two_tenants_of_one_range_at_once_get_only_their_own() {
    with_tiny_guests(|| {
        let (world, _serving) = serving()?;
        for project in ["red", "blue"] {
            world.tenant(project, "10.0.0.0/24")?;
        }
        world.operator("red", "router create edge --subnet lan")?;
        let red = world.machine("red", "web1", "lan")?;
        let blue = world.machine("blue", "web1", "lan")?;
        assert_eq!(red.address, blue.address, "the ranges must overlap");
        let reports = boot_all(&world, &[&red, &blue], RUN_LONG)?;
        for (report, machine) in reports.iter().zip([&red, &blue]) {
            assert_own(report, "meta", machine);
            assert_eq!(report.all("meta").len(), 20, "{}", report.lines().join("\n"));
        }
        Ok(())
    });
}

fn without_gateway(world: &World) -> Result<Machine, LabError> {
    world.program().run(["project", "create", "green", "--id", "green"])?;
    for words in [
        "flavor create m1.small --vcpus 1 --ram 512 --disk 1 --if-not-exists",
        "network create lan",
        "subnet create lan --network lan --cidr 10.0.0.0/24 --gateway none --host-route \
         destination=192.168.9.0/24,gateway=10.0.0.9",
    ] {
        world.operator("green", words)?;
    }
    world.machine("green", "web1", "lan")
}

/// The address and the routes of a machine.
fn check(report: &Report, what: &str, machine: &Machine, via: &str, gateway: Option<&str>) {
    let said = report.lines().join("\n");
    let addresses = report.all(&format!("{what}-address")).join("\n");
    assert!(addresses.contains(&format!("inet {}/24", machine.address)), "{said}");
    let routes = report.all(&format!("{what}-route"));
    let metadata = format!("169.254.169.254 via {via} dev eth0");
    assert!(routes.iter().any(|route| route.starts_with(&metadata)), "no {metadata}: {said}");
    let defaults = routes.iter().filter(|route| route.starts_with("default"));
    let gateways: Vec<_> = defaults.filter_map(|route| route.split(' ').nth(2)).collect();
    assert_eq!(gateways, gateway.into_iter().collect::<Vec<_>>(), "{said}");
    // What it was told of itself, it is.
    let document: Option<Value> =
        report.first("meta").and_then(|text| serde_json::from_str(text).ok());
    let document = document.unwrap_or_default();
    assert_eq!(document["hostname"], format!("{}.novalocal", machine.name), "{said}");
}
