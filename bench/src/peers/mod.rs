//! Ours beside everything an operator could run instead, in turn: from guests behind a router's
//! redirect, in the same namespace, on the same machine.

mod contender;
mod crawl;
mod nginx;
mod openstack;
mod operator;
mod ratios;
pub(crate) mod raw;
mod report;
mod requests;
pub(crate) mod scale;
mod stage;
mod storm;
mod svg;
mod tables;
mod usage;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use innkeeper_lab::Sandbox;

use self::{
    contender::{Contender, Running},
    openstack::{Backing, Caching, OpenStack},
    report::{Report, Who},
    requests::{Document, FIRST_READS, Scenario},
    stage::Stage,
};
use crate::{load::Connections, report::described};

/// Where the figures that are shown to readers are.
const SHOWN: &str = "docs/benchmarks";

/// How peers are measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds per figure; the median is reported [default: 5].
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds per measurement [default: 3].
    #[arg(long)]
    seconds: Option<f64>,
    /// Concurrent connections, each a row of its own [default: 1,8,64,512].
    #[arg(long, value_delimiter = ',')]
    connections: Option<Vec<usize>>,
    /// Guests of a boot storm; 0 for none [default: 1000].
    #[arg(long)]
    guests: Option<usize>,
    /// In two minutes: does everything run? Other defaults: 1 round, 0.5 seconds, 1 and 64
    /// connections, 200 guests; figures are written nowhere unless --out says where.
    #[arg(long)]
    quick: bool,
    /// Only boot storms, or only what --openstack adds.
    #[arg(long)]
    no_requests: bool,
    /// Measure OpenStack's own path too, of Debian's packages: as root, some 300 MB the first time.
    #[arg(long)]
    openstack: bool,
    /// Write tables, JSON and plots into this directory [default: docs/benchmarks].
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// The innkeeper program; the one beside this program otherwise.
    #[arg(long, value_name = "FILE")]
    innkeeper: Option<PathBuf>,
}

/// With more at once, a request takes longer than guests wait.
const OPENSTACK_CONNECTIONS_MAX: usize = 64;
/// At a few requests per second, it takes so long until there is something to see.
const OPENSTACK_SECONDS: f64 = 6.0;
/// The same, to see that it runs.
const OPENSTACK_SECONDS_QUICK: f64 = 3.0;
/// Before it is measured.
const WARM_UP: Duration = Duration::from_secs(3);

/// How much is measured.
#[derive(Debug)]
struct Extent {
    rounds: usize,
    seconds: f64,
    connections: Vec<usize>,
    guests: usize,
    /// Whether requests of one guest are measured, and not only storms.
    requests: bool,
    /// Of one measurement of OpenStack, at least.
    openstack_seconds: f64,
}

impl Extent {
    fn of(arguments: &Arguments) -> Self {
        let (rounds, seconds, connections, guests, openstack_seconds) = if arguments.quick {
            (1, 0.5, vec![1, 64], 200, OPENSTACK_SECONDS_QUICK)
        } else {
            (5, 3.0, vec![1, 8, 64, 512], 1000, OPENSTACK_SECONDS)
        };
        Self {
            rounds: arguments.rounds.unwrap_or(rounds),
            seconds: arguments.seconds.unwrap_or(seconds),
            connections: arguments.connections.clone().unwrap_or(connections),
            guests: arguments.guests.unwrap_or(guests),
            requests: !arguments.no_requests,
            openstack_seconds,
        }
    }

    /// Whether those that are started anew in every round have anything to do.
    fn is_for_all(&self) -> bool {
        self.requests || self.guests > 0
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = Vec::new();
        for document in Document::REPEATED {
            for keep in [Connections::PerRequest, Connections::Kept] {
                for &connections in &self.connections {
                    scenarios.push(Scenario { document, keep, connections });
                }
            }
        }
        scenarios
    }
}

/// Measures, prints, and writes.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let extent = Extent::of(arguments);
    // Before the lab, from where no archive can be reached.
    let tree = match arguments.openstack {
        true => Some(openstack::Tree::make(&beside_binaries("openstack")?)?),
        false => None,
    };
    Sandbox::enter()?;
    let innkeeper = crate::innkeeper(arguments.innkeeper.as_deref())?;
    let mut report = Report::new(machine(&innkeeper, Some(&nginx::version()?))?);
    if extent.is_for_all() || tree.is_some() {
        measure(&extent, &innkeeper, tree, &mut report)?;
    }
    println!("\n{}", report.markdown());
    match (&arguments.out, arguments.quick) {
        (Some(directory), _) => report.write(directory)?,
        (None, false) => report.write(Path::new(SHOWN))?,
        (None, true) => {}
    }
    let errors = report.errors(|who| who.place < Contender::ALL.len());
    ensure!(errors == 0, "{errors} requests failed");
    Ok(())
}

fn measure(
    extent: &Extent,
    innkeeper: &Path,
    tree: Option<openstack::Tree>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let stage = Stage::set_up(innkeeper, extent.guests.max(1), 0)?;
    let openstack = tree.map(|tree| OpenStack::set_up(tree, &stage)).transpose()?;
    if let Some(openstack) = &openstack {
        report.also(&openstack.versions()?);
    }
    for round in 1..=extent.rounds {
        let contenders = Contender::ALL.into_iter().enumerate();
        for (place, contender) in contenders.filter(|_| extent.is_for_all()) {
            let who = Who { place, name: contender.name().to_owned() };
            eprintln!("round {round} of {}: {}", extent.rounds, who.name);
            let running = contender.start(&stage)?;
            measure_one(extent, &stage, contender, &who, &running, report)
                .with_context(|| who.name.clone())?;
            running.stop()?;
        }
        if let Some(openstack) = &openstack {
            measure_openstack(extent, &stage, openstack, report)?;
        }
    }
    Ok(())
}

/// One round of OpenStack's path, with each of its cachings.
fn measure_openstack(
    extent: &Extent,
    stage: &Stage,
    openstack: &OpenStack,
    report: &mut Report,
) -> anyhow::Result<()> {
    let duration = Duration::from_secs_f64(extent.seconds.max(extent.openstack_seconds));
    let mut backing: Option<Backing> = None;
    for (place, caching) in (Contender::ALL.len()..).zip(Caching::ALL) {
        let who = Who { place, name: caching.name().to_owned() };
        eprintln!("{}", who.name);
        if caching == Caching::StubbedRpc
            && let Some(real) = backing.take()
        {
            real.stop()?;
        }
        let behind = match backing.take() {
            Some(behind) => behind,
            None => openstack.start_backing(caching, stage)?,
        };
        let running = openstack.start(caching, &behind, stage)?;
        // Each of Nova's processes keeps what it has read for itself.
        let warm_up =
            Scenario { document: Document::MetaData, keep: Connections::Kept, connections: 8 };
        requests::measure(stage, &running, warm_up, WARM_UP)?;
        for scenario in extent.scenarios() {
            if scenario.connections <= OPENSTACK_CONNECTIONS_MAX {
                report.add(scenario, &who, requests::measure(stage, &running, scenario, duration)?);
            }
        }
        running.stop()?;
        backing = Some(behind);
    }
    backing.map_or(Ok(()), Backing::stop)
}

/// A path in the directory where cargo puts what it builds.
fn beside_binaries(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).context("this program is in no target directory")?;
    Ok(target.join(name))
}

fn measure_one(
    extent: &Extent,
    stage: &Stage,
    contender: Contender,
    who: &Who,
    running: &Running,
    report: &mut Report,
) -> anyhow::Result<()> {
    let duration = Duration::from_secs_f64(extent.seconds);
    if extent.requests {
        report.add(FIRST_READS, who, requests::measure(stage, running, FIRST_READS, duration)?);
        for scenario in extent.scenarios() {
            if contender.does(scenario.keep) {
                report.add(scenario, who, requests::measure(stage, running, scenario, duration)?);
            }
        }
    }
    if extent.guests > 0 && contender.does_boots() {
        report.add_storm(who, storm::run(stage, running)?);
    }
    Ok(())
}

/// One line: processor, cores, kernel, versions, date.
fn machine(innkeeper: &Path, beside: Option<&str>) -> anyhow::Result<String> {
    let output = std::process::Command::new(innkeeper).arg("--version").output()?;
    let ours = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let all: Vec<&str> = [Some(ours.as_str()), beside].into_iter().flatten().collect();
    Ok(described("cores shared with the load", &all.join(", ")))
}
