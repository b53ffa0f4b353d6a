use std::io::Write;

use anyhow::Context;
use innkeeper_lab::{Guest, LabError, Machine, World};

/// Both tenants have it: addresses mean nothing outside their network.
const RANGE: &str = "10.0.0.0/24";

/// A tenant with one machine, plugged in.
pub(super) struct Tenant {
    pub(super) machine: Machine,
    pub(super) guest: Guest,
    world: World,
    place: String,
}

impl Tenant {
    /// A tenant whose network is behind a router: requests are redirected in the router's
    /// namespace.
    pub(super) fn behind_router(
        world: &World,
        out: &mut impl Write,
        project: &str,
    ) -> anyhow::Result<Self> {
        network(world, out, project)?;
        show(world, out, project, "router create edge --subnet lan")?;
        let machine = instance(world, out, project)?;
        let place = "caught in the router's namespace (redirect 80 to 9697)".to_owned();
        Self::plug_in(world, machine, "10.0.0.1", place)
    }

    /// A tenant whose network has no router: the DHCP namespace holds the metadata address.
    pub(super) fn isolated(
        world: &World,
        out: &mut impl Write,
        project: &str,
    ) -> anyhow::Result<Self> {
        network(world, out, project)?;
        let machine = instance(world, out, project)?;
        let dhcp = world.dhcp_address(&machine)?;
        let place = format!("caught in the network's DHCP namespace (by way of {dhcp})");
        Self::plug_in(world, machine, &dhcp, place)
    }

    fn plug_in(world: &World, machine: Machine, via: &str, place: String) -> anyhow::Result<Self> {
        let guest = world.plug_in(&machine, via).context("plug the guest in")?;
        Ok(Self { machine, guest, world: world.clone(), place })
    }

    /// Waits until its guest is answered at all.
    pub(super) fn await_answer(&self) -> Result<(), LabError> {
        self.world.await_answer(&self.guest)
    }

    /// One line about who and where it is.
    pub(super) fn describe(&self) -> String {
        let Machine { name, project, address, .. } = &self.machine;
        format!("{project}'s {name} at {address}, {}", self.place)
    }
}

fn network(world: &World, out: &mut impl Write, project: &str) -> anyhow::Result<()> {
    writeln!(out)?;
    show(world, out, "default", &format!("project create {project} --id {project}"))?;
    let flavor = "flavor create m1.small --vcpus 1 --ram 512 --disk 1 --if-not-exists";
    show(world, out, "default", flavor)?;
    show(world, out, project, &format!("network create lan --subnet {RANGE}"))
}

fn instance(world: &World, out: &mut impl Write, project: &str) -> anyhow::Result<Machine> {
    let user_data = world.directory().join("cloud.yaml");
    let words = format!(
        "instance create {project}-web --network lan --flavor m1.small --user-data {} \
         --property role=web --availability-zone nova",
        user_data.display()
    );
    writeln!(out, "$ innkeeper {words} --project {project}")?;
    let instance = world.query(project, &words)?;
    Ok(world.describe(project, &instance)?)
}

/// Runs an operator's command and shows it.
fn show(world: &World, out: &mut impl Write, project: &str, words: &str) -> anyhow::Result<()> {
    match project {
        "default" => writeln!(out, "$ innkeeper {words}")?,
        project => writeln!(out, "$ innkeeper {words} --project {project}")?,
    }
    world.operator(project, words)?;
    Ok(())
}
