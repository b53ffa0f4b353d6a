//! Routers that have the metadata address itself, instead of redirecting what is sent to it.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod tenants;

use std::path::Path;

use innkeeper_lab::{LabError, Program, World, isolated};
use tenants::{META_DATA, Plugged, isolated_tenant, routed_tenant};

const ADDRESS: &str = "[netns]\nmetadata_path = \"address\"\n";

#[test]
fn a_guest_to_whom_the_address_is_a_neighbour_is_served() {
    isolated(|| {
        let world = World::configured(Path::new(env!("CARGO_BIN_EXE_innkeeper")), ADDRESS)?;
        let _serving = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        red.assert_knows_itself()?;
        blue.assert_knows_itself()?;
        take_for_neighbour(&red)?;
        red.assert_knows_itself()?;
        blue.assert_knows_itself()?;
        // The router's own address is not the service's.
        let own = "10.0.0.1:80".parse().expect("an address");
        assert!(red.guest.connect(own).is_err(), "port 80 of the router is open");
        Ok(())
    });
}

#[test]
fn by_redirection_it_is_not_served() {
    isolated(|| {
        let world = tenants::world()?;
        let _serving = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        take_for_neighbour(&red)?;
        assert!(red.guest.get(META_DATA).is_err(), "somebody answers ARP for the address");
        Ok(())
    });
}

/// As zeroconf does it: the whole range is on the guest's own link.
fn take_for_neighbour(tenant: &Plugged) -> Result<(), LabError> {
    for words in ["route delete 169.254.169.254", "route add 169.254.0.0/16 dev eth0"] {
        let namespace = format!("guest-{}", tenant.guest.name());
        let words = format!("-n {namespace} {words}");
        Program::new("ip").run(words.split_whitespace())?;
    }
    Ok(())
}
