//! What the tests of the whole path share: tenants with guests, and an API of another make.

#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod recorder;

use std::{path::Path, time::Duration};

use innkeeper_lab::{Guest, LabError, Machine, World};

/// The metadata document that says who a guest is.
pub(crate) const META_DATA: &str = "/openstack/latest/meta_data.json";

/// How long anything may take to come up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A world with the program under test.
pub(crate) fn world() -> Result<World, LabError> {
    World::new(Path::new(env!("CARGO_BIN_EXE_innkeeper")))
}

/// A tenant's machine, plugged in.
#[derive(Debug)]
pub(crate) struct Plugged {
    pub(crate) machine: Machine,
    pub(crate) guest: Guest,
}

impl Plugged {
    /// Asks who it is; the answer must be its own document.
    pub(crate) fn assert_knows_itself(&self) -> Result<(), LabError> {
        let reply = self.guest.get(META_DATA)?;
        assert_eq!(reply.status, 200, "{} was answered {}", self.guest.name(), reply.text());
        let document = reply.json()?;
        assert_eq!(
            document["uuid"],
            self.machine.id,
            "{} got another's document",
            self.guest.name()
        );
        assert_eq!(document["project_id"], self.machine.project);
        assert_eq!(document["hostname"], format!("{}.novalocal", self.machine.name));
        Ok(())
    }
}

/// A tenant whose network `lan` is behind a router, with one machine.
pub(crate) fn routed_tenant(
    world: &World,
    project: &str,
    range: &str,
) -> Result<Plugged, LabError> {
    world.tenant(project, range)?;
    world.operator(project, "router create edge --subnet lan")?;
    let machine = world.machine(project, "web1", "lan")?;
    let gateway = first_address(range);
    plug_in(world, machine, &gateway)
}

/// A tenant whose network `lan` has no router, with one machine.
pub(crate) fn isolated_tenant(
    world: &World,
    project: &str,
    range: &str,
) -> Result<Plugged, LabError> {
    world.tenant(project, range)?;
    let machine = world.machine(project, "web1", "lan")?;
    let dhcp = world.dhcp_address(&machine)?;
    plug_in(world, machine, &dhcp)
}

/// Plugs a machine in and waits until it is answered.
pub(crate) fn plug_in(world: &World, machine: Machine, via: &str) -> Result<Plugged, LabError> {
    let guest = world.plug_in(&machine, via)?;
    world.await_answer(&guest)?;
    Ok(Plugged { machine, guest })
}

fn first_address(range: &str) -> String {
    let network = range.split('/').next().unwrap_or_default();
    let (prefix, _) = network.rsplit_once('.').unwrap_or_default();
    format!("{prefix}.1")
}
