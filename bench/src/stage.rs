//! The stage: a router, a guest behind it, and the contenders that answer in turn.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, ensure};
use innkeeper_lab::{Guest, Machine, Process, Roles, World, wait_until};
use innkeeper_model::MetadataPath;

use crate::nginx;

/// For a contender to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who answers the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// `innkeeper serve`.
    OneProcess,
    /// `innkeeper api`, `agent` and `proxy`.
    ThreeProcesses,
    /// nginx with the same bytes.
    Nginx,
}

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::OneProcess, Self::ThreeProcesses, Self::Nginx];

    /// As the report calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OneProcess => "innkeeper serve",
            Self::ThreeProcesses => "innkeeper proxy, agent, api",
            Self::Nginx => "nginx, the same bytes",
        }
    }
}

/// A contender at work.
#[derive(Debug)]
pub(crate) enum Running {
    Serve(Box<Process>),
    Roles(Box<Roles>),
    Nginx(Box<Process>),
}

impl Running {
    /// Ends it.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let limit = Duration::from_secs(15);
        match self {
            Self::Serve(mut process) | Self::Nginx(mut process) => {
                process.terminate(limit)?;
            }
            Self::Roles(mut roles) => {
                for process in [&mut roles.proxy, &mut roles.host, &mut roles.agent, &mut roles.api]
                {
                    process.terminate(limit)?;
                }
            }
        }
        Ok(())
    }
}

/// The networks, the guest, and the bytes it is answered.
#[derive(Debug)]
pub(crate) struct Stage {
    world: World,
    guest: Guest,
    namespace: String,
    document: Vec<u8>,
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
        let document = guest.get("/openstack/latest/meta_data.json")?;
        ensure!(document.status == 200, "the guest was answered {}", document.status);
        spare_the_kernel(&namespace, &guest, &machine)?;
        serve.terminate(Duration::from_secs(15))?;
        Ok(Self { world, guest, namespace, document: document.body })
    }

    /// Who puts the load on.
    pub(crate) fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Starts a contender and waits until the guest is answered.
    pub(crate) fn start(&mut self, contender: Contender) -> anyhow::Result<Running> {
        let running = match contender {
            Contender::OneProcess => Running::Serve(Box::new(self.world.serve()?)),
            Contender::ThreeProcesses => Running::Roles(Box::new(self.world.roles()?)),
            Contender::Nginx => {
                let directory = self.world.directory();
                let process = nginx::start(&self.namespace, directory, &self.document)?;
                Running::Nginx(Box::new(process))
            }
        };
        self.await_answer(contender.name())?;
        Ok(running)
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
