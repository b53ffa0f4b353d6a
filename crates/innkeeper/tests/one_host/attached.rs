//! Machines on taps, on bridges of the operator's, and on networks without DHCP.

use std::path::Path;

use innkeeper_lab::{Guest, GuestPlan, LabError, Machine, isolated, link_exists};

use crate::{
    look::{ip, link_index, rules},
    tenants::{META_DATA, Plugged, plug_in, world},
};

#[test]
fn a_machine_is_served_as_soon_as_its_tap_is_there_and_not_when_it_is_gone() {
    isolated(|| {
        let world = world()?;
        let _serving = world.serve()?;
        world.tenant("blue", "10.0.0.0/24")?;
        let machine = world.machine("blue", "web1", "lan")?;
        let (guest, _tap) = world.behind_tap(&machine)?;
        guest.add_address(&format!("{}/24", machine.address))?;
        let via = world.dhcp_address(&machine)?;
        guest.ip(&format!("route add 169.254.169.254 via {via}"))?;
        world.await_answer(&guest)?;
        assert_eq!(guest.get(META_DATA)?.json()?["uuid"], machine.id);
        // Asked for again, it is the same.
        let index = link_index(&machine.tap())?;
        assert_eq!(world.tap(&machine)?, machine.tap());
        assert_eq!(link_index(&machine.tap())?, index);
        // By the instance's name, all of its taps at once.
        let printed = world.operator("blue", "port tap --instance web1")?;
        assert_eq!(printed.trim(), machine.tap());
        world.untap(&machine)?;
        assert!(!link_exists(&machine.tap()));
        Ok(())
    });
}

#[test]
fn a_bridge_of_the_operator_s_is_used_and_not_guarded() {
    isolated(|| {
        let world = world()?;
        ip("link add virbr0 type bridge")?;
        ip("link set virbr0 up")?;
        let _serving = world.serve()?;
        world.program().run(["project", "create", "red", "--id", "red"])?;
        world.operator("red", "flavor create m1.small --vcpus 1 --ram 512 --disk 1")?;
        world.operator("red", "network create lan --subnet 10.0.0.0/24 --bridge virbr0")?;
        let machine = world.machine("red", "web1", "lan")?;
        let via = world.dhcp_address(&machine)?;
        let guest = plugged_into("virbr0", &machine, &via)?;
        let plugged = Plugged { machine, guest };
        world.await_answer(&plugged.guest)?;
        plugged.assert_knows_itself()?;
        assert!(!rules()?.contains(&plugged.machine.tap()), "{}", rules()?);
        assert!(!link_exists(&plugged.machine.bridge()));
        // Cleaned up, it is as it was.
        world.operator("red", "instance delete web1")?;
        assert!(link_exists("virbr0"));
        Ok(())
    });
}

#[test]
fn machines_of_a_network_without_dhcp_are_served_by_their_router() {
    isolated(|| {
        let world = world()?;
        let _serving = world.serve()?;
        world.program().run(["project", "create", "red", "--id", "red"])?;
        world.operator("red", "flavor create m1.small --vcpus 1 --ram 512 --disk 1")?;
        world.operator("red", "network create lan")?;
        let subnet = "subnet create lan --network lan --cidr 10.0.0.0/24 --no-dhcp";
        world.operator("red", subnet)?;
        world.operator("red", "router create edge --subnet lan")?;
        let machine = world.machine("red", "web1", "lan")?;
        let network = machine.network.clone();
        plug_in(&world, machine, "10.0.0.1")?.assert_knows_itself()?;
        assert!(!Path::new(&format!("/run/netns/qdhcp-{network}")).exists());
        Ok(())
    });
}

fn plugged_into(bridge: &str, machine: &Machine, via: &str) -> Result<Guest, LabError> {
    Guest::plug_in(&GuestPlan {
        name: &machine.name,
        bridge,
        tap: &machine.tap(),
        mac: &machine.mac,
        address: &format!("{}/24", machine.address),
        via,
    })
}
