//! The stage: a router, and a guest behind it.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, ensure};
use innkeeper_lab::{Guest, Machine, Process, World, wait_until};
use innkeeper_model::MetadataPath;

/// For whoever is started to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The networks and the guest.
#[derive(Debug)]
pub(crate) struct Stage {
    world: World,
    guest: Guest,
    namespace: String,
}

impl Stage {
    /// Makes a router with one guest behind it.
    pub(crate) fn set_up(innkeeper: &Path) -> anyhow::Result<Self> {
        let world = World::new(innkeeper)?;
        let mut serve = world.serve()?;
        world.tenant("bench", "10.0.0.0/24")?;
        let router = world.query("bench", "router create edge --subnet lan")?;
        let router = router.pointer("/id").and_then(serde_json::Value::as_str);
        let namespace = format!("qrouter-{}", router.context("the router has no id")?);
        let machine = world.machine("bench", "web1", "lan")?;
        let guest = world.plug_in(&machine, "10.0.0.1")?;
        world.await_answer(&guest)?;
        spare_the_kernel(&namespace, &guest, &machine)?;
        serve.terminate(Duration::from_secs(15))?;
        Ok(Self { world, guest, namespace })
    }

    /// Who puts the load on.
    pub(crate) fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Starts `innkeeper serve` with this way through routers and waits until it is the guest's.
    pub(crate) fn start_by(&self, path: MetadataPath) -> anyhow::Result<Process> {
        let world = self.world.clone().with("INNKEEPER_NETNS_METADATA_PATH", path.as_str());
        let process = world.serve()?;
        wait_until("the router to have the address, or not", PATIENCE, || {
            let words = ["-n", &self.namespace, "address", "show", "to", "169.254.169.254"];
            let shown = Command::new("ip").args(words).output();
            let has_it = shown.is_ok_and(|shown| !shown.stdout.is_empty());
            has_it == (path == MetadataPath::Address)
        })?;
        self.await_answer(path.as_str())?;
        Ok(process)
    }

    /// What the program runs in.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// The router's namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn await_answer(&self, who: &str) -> anyhow::Result<()> {
        wait_until(who, PATIENCE, || {
            let reply = self.guest.get("/openstack/latest/meta_data.json");
            reply.is_ok_and(|reply| reply.status == 200)
        })?;
        Ok(())
    }
}

/// Thousands of connections a second leave as many traces in the kernel; both sides forget them
/// soon, for every contender alike, so that none runs out of ports or of connection tracking.
fn spare_the_kernel(namespace: &str, guest: &Guest, machine: &Machine) -> anyhow::Result<()> {
    let guest_namespace = format!("guest-{}-{}", machine.project, machine.name);
    debug_assert!(guest_namespace.ends_with(guest.name()));
    for (namespace, setting) in [
        (namespace, "net.netfilter.nf_conntrack_tcp_timeout_time_wait=1"),
        (guest_namespace.as_str(), "net.ipv4.ip_local_port_range=1024 65535"),
    ] {
        let status = Command::new("ip")
            .args(["netns", "exec", namespace, "sysctl", "-qw", setting])
            .status()
            .context("run sysctl; is procps installed?")?;
        ensure!(status.success(), "sysctl {setting} failed in {namespace}");
    }
    Ok(())
}
