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
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Sandbox, wait_until};

use self::{
    contender::Contender,
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
    /// Rounds per figure; the median is reported [default: 5, which is what readers are shown].
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
    /// In two minutes (without --openstack): does everything run? Other defaults: 1 round, 0.5
    /// seconds, 1 and 64 connections, 200 guests.
    #[arg(long)]
    quick: bool,
    /// Only boot storms, or only what --openstack adds.
    #[arg(long)]
    no_requests: bool,
    /// Only those whose name in the report has this in it, as "proxy" or "nginx".
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Measure OpenStack's own path too, of Debian's packages: as root, some 300 MB the first time.
    #[arg(long)]
    openstack: bool,
    /// Write tables, JSON and plots into this directory [default: docs/benchmarks; nowhere with
    /// --quick, --only, or fewer than 5 rounds].
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// The innkeeper program; the one beside this program otherwise.
    #[arg(long, value_name = "FILE")]
    innkeeper: Option<PathBuf>,
}

/// What is shown to readers is the median of so many, at least.
const ROUNDS_SHOWN: usize = 5;
/// With more at once, a request takes longer than guests wait.
const OPENSTACK_CONNECTIONS_MAX: usize = 64;
/// At a few requests per second, it takes so long until there is something to see.
const OPENSTACK_SECONDS: f64 = 4.0;
/// The same, to see that it runs.
const OPENSTACK_SECONDS_QUICK: f64 = 3.0;
/// For it to work off what it was asked.
const REST: Duration = Duration::from_secs(60);
/// An answer that takes less was not waiting behind others.
const AT_REST: Duration = Duration::from_millis(500);
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
    /// What the name of each has in it.
    only: String,
    /// Of one measurement of OpenStack, at least.
    openstack_seconds: f64,
}

impl Extent {
    fn of(arguments: &Arguments) -> Self {
        let (rounds, seconds, connections, guests, openstack_seconds) = if arguments.quick {
            (1, 0.5, vec![1, 64], 200, OPENSTACK_SECONDS_QUICK)
        } else {
            (ROUNDS_SHOWN, 3.0, vec![1, 8, 64, 512], 1000, OPENSTACK_SECONDS)
        };
        Self {
            rounds: arguments.rounds.unwrap_or(rounds),
            seconds: arguments.seconds.unwrap_or(seconds),
            connections: arguments.connections.clone().unwrap_or(connections),
            guests: arguments.guests.unwrap_or(guests),
            requests: !arguments.no_requests,
            only: arguments.only.clone().unwrap_or_default(),
            openstack_seconds,
        }
    }

    /// Those that are started anew in every round, with their places in the report.
    fn contenders(&self) -> impl Iterator<Item = (usize, Contender)> {
        let have_something_to_do = self.requests || self.guests > 0;
        let all = Contender::ALL.into_iter().enumerate();
        all.filter(move |(_, it)| have_something_to_do && it.name().contains(&self.only))
    }

    /// OpenStack's cachings, with their places behind those.
    fn cachings(&self) -> impl Iterator<Item = (usize, Caching)> {
        let all = (Contender::ALL.len()..).zip(Caching::ALL);
        all.filter(|(_, it)| it.name().contains(&self.only))
    }

    fn of_openstack(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.max(self.openstack_seconds))
    }

    /// How much, in words.
    fn described(&self, openstack: bool) -> String {
        let (rounds, seconds) = (self.rounds, self.seconds);
        let beside = match openstack {
            true => format!(" ({} s of OpenStack's)", self.of_openstack().as_secs_f64()),
            false => String::new(),
        };
        let guests = match self.guests {
            0 => String::new(),
            guests => format!(", storms of {guests} guests"),
        };
        format!("medians of {rounds} rounds of {seconds} s{beside}{guests}")
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
    let openstack = arguments.openstack && extent.cachings().next().is_some();
    ensure!(
        openstack || extent.contenders().next().is_some(),
        "nothing to measure: is there anybody with the name that --only gives, and anything to do?"
    );
    // Before the lab, from where no archive can be reached.
    let tree = match openstack {
        true => Some(openstack::Tree::make(&beside_binaries("openstack")?)?),
        false => None,
    };
    // With processes of its own: what nginx and OpenStack's services start ends with this program.
    let _sandbox = Sandbox::enter_with_processes()?;
    crate::signals::end_when_told()?;
    let innkeeper = crate::innkeeper(arguments.innkeeper.as_deref())?;
    let machine = machine(&innkeeper, Some(&nginx::version()?))?;
    let mut report = Report::new(machine, extent.described(tree.is_some()));
    let outcome = measure(&extent, &innkeeper, tree, &mut report);
    // What was measured before something went wrong may have taken an hour.
    println!("\n{}", report.markdown());
    outcome?;
    let is_a_part = arguments.quick || arguments.only.is_some() || extent.rounds < ROUNDS_SHOWN;
    match (&arguments.out, is_a_part) {
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
        for (place, contender) in extent.contenders() {
            let who = Who { place, name: contender.name().to_owned() };
            eprintln!("round {round} of {}: {}", extent.rounds, who.name);
            measure_one(extent, &stage, contender, &who, report)
                .with_context(|| who.name.clone())?;
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
    let duration = extent.of_openstack();
    let mut backing: Option<Backing> = None;
    for (place, caching) in extent.cachings() {
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
                let figures = requests::measure(stage, &running, scenario, duration)?;
                if figures.errors > 0 {
                    await_rest(stage)?;
                }
                report.add(scenario, &who, figures);
            }
        }
        running.stop()?;
        backing = Some(behind);
    }
    backing.map_or(Ok(()), Backing::stop)
}

/// Waits until requests that nobody waits for any longer are worked off: they would be counted as
/// part of what is measured next.
fn await_rest(stage: &Stage) -> anyhow::Result<()> {
    wait_until("OpenStack's path to answer a single guest again", REST, || {
        let asked = Instant::now();
        let answered = stage.guests.get(crawl::META_DATA).is_ok_and(|reply| reply.status == 200);
        answered && asked.elapsed() < AT_REST
    })?;
    Ok(())
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
    report: &mut Report,
) -> anyhow::Result<()> {
    let duration = Duration::from_secs_f64(extent.seconds);
    if extent.requests {
        let running = contender.start(stage)?;
        let measure = |scenario| requests::measure(stage, &running, scenario, duration);
        report.add(FIRST_READS, who, measure(FIRST_READS)?);
        for scenario in extent.scenarios() {
            report.add(scenario, who, measure(scenario)?);
        }
        running.stop()?;
    }
    if extent.guests > 0 && contender.does_boots() {
        // Started anew: whoever answers has never heard of the guests of a storm.
        let running = contender.start(stage)?;
        report.add_storm(who, storm::run(stage, &running)?);
        running.stop()?;
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
