//! One process that serves some number of networks, from the first network to the last trace of it.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Process, World};
use innkeeper_model::NetworkId;
use serde::Serialize;

use super::{
    operator::Operator,
    served::{Gauges, METRICS, await_all, await_served, is_served, namespace_of},
    usage::{Usage, cpu_time, slab_kib},
};

/// For anything, so that a run ends whatever happens: many times what is aimed at.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same, for each network.
const PATIENCE_EACH: Duration = Duration::from_millis(100);
/// Further networks that are made one by one once all are served.
pub(super) const FURTHER: usize = 5;
/// Namespaces in which is looked whether what the process says of itself is so.
const SAMPLES: usize = 10;
/// How often the kernel is asked whether it is still giving memory back, and how much it may still
/// give back meanwhile, in KiB.
const SETTLING: (Duration, u64) = (Duration::from_secs(1), 1024);
/// For the kernel to give memory back, at the most.
const SETTLE_PATIENCE: Duration = Duration::from_secs(60);

/// What is measured with one number of networks; times in seconds, memory in KiB.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Figures {
    pub(super) networks: usize,
    /// From the first request to make one until the last is acknowledged.
    pub(super) made: f64,
    /// From the first request to make one until all are up and served.
    pub(super) served: f64,
    /// What the process and those that it started had of processors until then.
    pub(super) cpu: f64,
    /// The process before the first network.
    pub(super) before: Usage,
    /// The process with all of them.
    pub(super) after: Usage,
    /// The process that was started with all of them already there.
    pub(super) after_restart: Usage,
    /// What the kernel's memory grew by.
    pub(super) slab: i64,
    /// The longest look at all networks with nothing to change, while idle.
    pub(super) pass: f64,
    /// The part of one core that is used while idle.
    pub(super) idle_cpu: f64,
    /// From the request to make one further network until it is up and served: the slowest of some.
    pub(super) further: f64,
    /// From the moment at which something was removed until it is served again.
    pub(super) namespace_back: f64,
    pub(super) address_back: f64,
    pub(super) link_back: f64,
    /// From the start after a kill until all are served.
    pub(super) after_kill: f64,
    /// What `innkeeper host cleanup` takes.
    pub(super) cleanup: f64,
    /// From a start with a full database and nothing in the kernel until all are served.
    pub(super) from_nothing: f64,
}

/// One process at work, with what it serves.
pub(super) struct Run {
    world: World,
    process: Process,
    networks: Vec<NetworkId>,
    patience: Duration,
    figures: Figures,
}

impl Run {
    /// Starts the program with an empty database, makes `count` networks and measures until they are
    /// served.
    pub(super) fn begin(innkeeper: &Path, count: usize) -> anyhow::Result<Self> {
        let directory = Path::new("/run/innkeeper");
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        let world =
            World::configured(innkeeper, &format!("[serve]\nmetrics_listen = \"{METRICS}\"\n"))?;
        let mut process = world.serve()?;
        await_all(&mut process, 0, PATIENCE)?;
        let operator = Operator::new(&directory.join("control.sock"))?;
        let (before, slab) = (Usage::of(process.id())?, slab_kib()?);
        let cpu = cpu_time(process.id())?;
        let patience = PATIENCE + PATIENCE_EACH * u32::try_from(count)?;

        let started = Instant::now();
        let networks = operator.make_networks(0..count)?;
        let made = started.elapsed().as_secs_f64();
        await_all(&mut process, count, patience)?;
        let served = started.elapsed().as_secs_f64();
        check_samples(&networks)?;
        let mut run = Self { world, process, networks, patience, figures: Figures::default() };
        run.figures = Figures {
            networks: count,
            made,
            served,
            cpu: (cpu_time(run.process.id())? - cpu).as_secs_f64(),
            before,
            slab: i64::try_from(slab_kib()?)? - i64::try_from(slab)?,
            ..Figures::default()
        };
        run.further(&operator)?;
        Ok(run)
    }

    /// What is done one by one with everything there: made, idle, removed by somebody, killed.
    pub(super) fn go_on(&mut self, idle: Duration) -> anyhow::Result<()> {
        self.idle(idle)?;
        let namespace = namespace_of(*self.networks.first().context("no network")?);
        let link = link_in(&namespace)?;
        self.figures.address_back = self.mended(
            &namespace,
            &format!("-n {namespace} address del 169.254.169.254/32 dev {link}"),
        )?;
        self.figures.link_back =
            self.mended(&namespace, &format!("-n {namespace} link del {link}"))?;
        self.figures.namespace_back = self.mended(&namespace, &format!("netns del {namespace}"))?;
        self.kill()
    }

    /// Ends the program; what it made stays.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.process.terminate(self.patience)?;
        Ok(())
    }

    /// The networks that are there.
    pub(super) fn networks(&self) -> &[NetworkId] {
        &self.networks
    }

    /// Removes everything, has it made again by a new process, and removes it for good.
    pub(super) fn finish(mut self) -> anyhow::Result<Figures> {
        self.figures.cleanup = self.clean_up()?;
        let started = Instant::now();
        self.process = self.world.start("serve")?;
        await_all(&mut self.process, self.networks.len(), self.patience)?;
        self.figures.from_nothing = started.elapsed().as_secs_f64();
        check_samples(&self.networks)?;
        self.stop()?;
        self.clean_up()?;
        Ok(self.figures)
    }

    fn further(&mut self, operator: &Operator) -> anyhow::Result<()> {
        for _ in 0..FURTHER {
            let (count, started) = (self.networks.len(), Instant::now());
            let made = operator.make_networks(count..count + 1)?;
            for network in &made {
                await_served(&namespace_of(*network), self.patience)?;
            }
            self.figures.further = self.figures.further.max(started.elapsed().as_secs_f64());
            self.networks.extend(made);
        }
        await_all(&mut self.process, self.networks.len(), self.patience)?;
        Ok(())
    }

    fn idle(&mut self, during: Duration) -> anyhow::Result<()> {
        let (cpu, started) = (cpu_time(self.process.id())?, Instant::now());
        let mut pass = Duration::ZERO;
        while started.elapsed() < during {
            thread::sleep(Duration::from_secs(1));
            pass = pass.max(Gauges::ask()?.last_pass);
        }
        let used = (cpu_time(self.process.id())? - cpu).as_secs_f64();
        self.figures.idle_cpu = used / started.elapsed().as_secs_f64();
        self.figures.pass = pass.as_secs_f64();
        self.figures.after = Usage::of(self.process.id())?;
        Ok(())
    }

    /// Has `ip` remove something; the time until the namespace is served again.
    fn mended(&mut self, namespace: &str, removal: &str) -> anyhow::Result<f64> {
        ip(removal)?;
        let started = Instant::now();
        ensure!(!is_served(namespace), "ip {removal}: it is served all the same");
        await_served(namespace, self.patience)?;
        let back = started.elapsed().as_secs_f64();
        await_all(&mut self.process, self.networks.len(), self.patience)?;
        Ok(back)
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let pid = self.process.id();
        Command::new("kill").args(["-9", &pid.to_string()]).status()?;
        while self.process.is_running() {
            thread::sleep(Duration::from_millis(1));
        }
        self.process = self.world.start("serve")?;
        await_all(&mut self.process, self.networks.len(), self.patience)?;
        self.figures.after_kill = started.elapsed().as_secs_f64();
        check_samples(&self.networks)?;
        self.figures.after_restart = Usage::of(self.process.id())?;
        Ok(())
    }

    fn clean_up(&self) -> anyhow::Result<f64> {
        let started = Instant::now();
        self.world.program().run(["host", "cleanup"])?;
        let took = started.elapsed().as_secs_f64();
        let left: Vec<_> = fs::read_dir("/run/netns")?.collect();
        ensure!(left.is_empty(), "innkeeper host cleanup left {} namespaces", left.len());
        await_kernel()?;
        Ok(took)
    }
}

/// What the process says of itself is believed where it is so in some namespaces.
fn check_samples(networks: &[NetworkId]) -> anyhow::Result<()> {
    let step = networks.len().div_ceil(SAMPLES).max(1);
    for network in networks.iter().step_by(step).chain(networks.last()) {
        let namespace = namespace_of(*network);
        ensure!(is_served(&namespace), "{namespace} is not served, and the process says it is");
    }
    Ok(())
}

/// The kernel destroys namespaces after their names are gone; what is measured next is not to wait
/// for that.
fn await_kernel() -> anyhow::Result<()> {
    let (pause, still) = SETTLING;
    let until = Instant::now() + SETTLE_PATIENCE;
    let mut before = slab_kib()?;
    while Instant::now() < until {
        thread::sleep(pause);
        let now = slab_kib()?;
        if now + still > before {
            break;
        }
        before = now;
    }
    Ok(())
}

fn link_in(namespace: &str) -> anyhow::Result<String> {
    let listed = ip(&format!("-n {namespace} -o link show type veth"))?;
    let name = listed.split(": ").nth(1).and_then(|name| name.split('@').next());
    Ok(name.with_context(|| format!("no link in {namespace}: {listed}"))?.to_owned())
}

fn ip(words: &str) -> anyhow::Result<String> {
    let output = Command::new("ip").args(words.split_whitespace()).output().context("run ip")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {words}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
