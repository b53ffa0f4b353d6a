//! Who answers the guests: ours, and its peers in the same namespace behind the same redirect.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::Context;
use innkeeper_lab::{Process, wait_until};

use super::{
    crawl::{INSTANCE_ID, META_DATA},
    nginx::{self, From},
    raw,
    stage::{END, Stage},
    usage::{cpu_time, memory_kib},
};

/// Where the redirect leads: the port of Neutron's proxy.
pub(super) const PORT: u16 = 9697;
/// For a contender to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One of those that are started anew in every round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Contender {
    /// `innkeeper serve`.
    OneProcess,
    /// `innkeeper api`, `agent`, `proxy` and `host`.
    ThreeProcesses,
    /// nginx with the same bytes; with a log like ours, or without.
    Nginx(From, bool),
    /// What the kernel takes when the program takes next to nothing.
    Raw,
    /// The same of three processes, each of which asks the next one.
    RawChain,
}

impl Contender {
    /// In the order of the report.
    pub(super) const ALL: [Self; 9] = [
        Self::OneProcess,
        Self::ThreeProcesses,
        Self::Nginx(From::Memory, true),
        Self::Nginx(From::Memory, false),
        Self::Nginx(From::MemoryDeferred, false),
        Self::Nginx(From::Files, true),
        Self::Nginx(From::Files, false),
        Self::Raw,
        Self::RawChain,
    ];

    /// As the report calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OneProcess => "innkeeper serve",
            Self::ThreeProcesses => "innkeeper proxy, agent, api",
            Self::Nginx(From::Memory, true) => "nginx, return 200 from memory",
            Self::Nginx(From::Memory, false) => "nginx, return 200 from memory, access_log off",
            Self::Nginx(From::MemoryDeferred, true) => "nginx, return 200 from memory, deferred",
            Self::Nginx(From::MemoryDeferred, false) => {
                "nginx, return 200 from memory, deferred, access_log off"
            }
            Self::Nginx(From::Files, true) => "nginx, open_file_cache",
            Self::Nginx(From::Files, false) => "nginx, open_file_cache, access_log off",
            Self::Raw => "kernel's limit of one process",
            Self::RawChain => {
                "kernel's limit of three processes: a hop over a Unix socket, a hop over TCP"
            }
        }
    }

    /// Whether it has an answer to every request of a boot. nginx takes a file for a directory when
    /// the path ends in a slash.
    pub(super) fn does_boots(self) -> bool {
        !matches!(self, Self::Nginx(From::Files, _) | Self::Raw | Self::RawChain)
    }

    /// Starts it and waits until the guests are answered.
    pub(super) fn start(self, stage: &Stage) -> anyhow::Result<Running> {
        forget_logs(stage)?;
        let one = |name, process| Ok(vec![Component::new(name, process)]);
        let components: anyhow::Result<_> = match self {
            Self::OneProcess => one("serve", stage.world.serve()?),
            Self::ThreeProcesses => {
                let roles = stage.world.roles()?;
                Ok([
                    ("proxy", roles.proxy),
                    ("agent", roles.agent),
                    ("api", roles.api),
                    ("host", roles.host),
                ]
                .map(|(name, process)| Component::new(name, process))
                .into())
            }
            Self::Nginx(from, log) => one("nginx", nginx::start(stage, from, log)?),
            Self::Raw => raw::start_one(stage),
            Self::RawChain => raw::start_three(stage),
        };
        let running = Running { components: components?, beside: Vec::new() };
        wait_until(self.name(), PATIENCE, || {
            [META_DATA, INSTANCE_ID]
                .iter()
                .all(|path| stage.guests.get(path).is_ok_and(|reply| reply.status == 200))
        })?;
        Ok(running)
    }
}

/// A part of a contender, with all processes that it starts.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) name: &'static str,
    pub(super) process: Process,
    /// Whether it does not end when asked to.
    pub(super) by_force: bool,
}

impl Component {
    /// One that ends when it is asked to.
    pub(super) fn new(name: &'static str, process: Process) -> Self {
        Self { name, process, by_force: false }
    }
}

/// A contender at work.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) components: Vec<Component>,
    /// Processes that belong to it, and that go on when it ends.
    pub(super) beside: Vec<(&'static str, u32)>,
}

impl Running {
    /// The processor time that each component has had.
    pub(super) fn cpu(&self) -> anyhow::Result<BTreeMap<&'static str, Duration>> {
        self.processes().map(|(name, process)| Ok((name, cpu_time(process)?))).collect()
    }

    /// The memory that each component has now (PSS), in KiB.
    pub(super) fn memory(&self) -> anyhow::Result<BTreeMap<&'static str, u64>> {
        self.processes().map(|(name, process)| Ok((name, memory_kib(process)?))).collect()
    }

    fn processes(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let own = self.components.iter().map(|component| (component.name, component.process.id()));
        own.chain(self.beside.iter().copied())
    }

    /// Ends it.
    pub(super) fn stop(self) -> anyhow::Result<()> {
        for mut component in self.components {
            if component.by_force {
                component.process.kill()?;
                continue;
            }
            component.process.terminate(END).with_context(|| format!("end {}", component.name))?;
        }
        Ok(())
    }
}

/// They are kept in memory, and a round of measuring writes hundreds of megabytes.
fn forget_logs(stage: &Stage) -> anyhow::Result<()> {
    for role in ["serve", "proxy", "agent", "api", "host"] {
        let log = stage.world.directory().join(format!("{role}.log"));
        if log.exists() {
            fs::remove_file(log)?;
        }
    }
    Ok(())
}
