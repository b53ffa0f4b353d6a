//! Measures the metadata path from a guest through a router's redirect: all roles in one process,
//! the roles as processes of their own, and nginx serving the same bytes from the same namespace
//! behind the same redirect, in alternation. With `drives`, the making of config drives instead; with
//! `networks`, what networks cost beside haproxy; with `paths`, the ways through a router.
//!
//! It is a program and not a test: it fails on errors, never on times.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

mod drives;
mod load;
mod networks;
mod nginx;
mod paths;
mod peers;
mod report;
mod samples;
mod signals;
mod stage;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use innkeeper_lab::{Guest, Sandbox};

use crate::{
    load::{Connections, Load},
    report::{Report, Who, described},
    stage::{Contender, Stage},
};

/// Measure the metadata path beside nginx.
///
/// Everything happens in private network namespaces; nothing of this machine is touched.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    requests: Requests,
}

/// How requests are measured.
#[derive(Debug, clap::Args)]
struct Requests {
    /// Rounds per figure; the median is reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Concurrent connections, each a row of its own.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    connections: Vec<usize>,
    /// One round of half a second each, to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Write the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The innkeeper program; the one beside this program otherwise.
    #[arg(long, value_name = "FILE")]
    innkeeper: Option<PathBuf>,
}

/// What else is measured.
#[derive(Debug, Subcommand)]
enum Other {
    /// Measure how many config drives are made, beside genisoimage started for each, as Nova does.
    Drives(drives::Arguments),
    /// Measure memory and time of networks in one process, beside one haproxy for each, as Neutron
    /// has it.
    Networks(networks::Arguments),
    /// Measure the two ways through a router: by redirection, and by the address itself.
    Paths(paths::Arguments),
    /// Measure requests and boot storms beside nginx and the kernel's limit; with `--openstack`,
    /// beside OpenStack's own path; with `--scale`, with many instances.
    Peers(peers::Arguments),
    #[command(hide = true)]
    RawLoop(peers::raw::Arguments),
    #[command(hide = true)]
    ScaleOf(peers::scale::Arguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.other {
        Some(Other::Drives(arguments)) => drives::run(arguments),
        Some(Other::Networks(arguments)) => networks::run(arguments),
        Some(Other::Paths(arguments)) => paths::run(arguments),
        Some(Other::Peers(arguments)) => peers::run(&arguments),
        Some(Other::RawLoop(arguments)) => peers::raw::run(&arguments),
        Some(Other::ScaleOf(arguments)) => peers::scale::run(&arguments),
        None => run(arguments.requests),
    }
}

fn run(mut requests: Requests) -> anyhow::Result<()> {
    requests.settle();
    Sandbox::enter()?;
    let mut stage = Stage::set_up(&innkeeper(requests.innkeeper.as_deref())?)?;
    let beside = nginx::version().unwrap_or_else(|_| "no nginx".to_owned());
    let mut report = Report::new(described("cores shared with the load", &beside));
    for round in 1..=requests.rounds {
        for contender in Contender::ALL {
            eprintln!("round {round} of {}: {}", requests.rounds, contender.name());
            let running = stage.start(contender)?;
            let who = Who { place: contender as usize, name: contender.name() };
            requests.put_on(stage.guest(), who, &mut report)?;
            running.stop()?;
        }
    }
    println!("\n{}", report.markdown());
    requests.finish(&report.json()?, report.errors())
}

impl Requests {
    fn settle(&mut self) {
        if self.quick {
            (self.rounds, self.seconds) = (1, 0.5);
        }
    }

    /// One round of measuring whoever answers the guest.
    fn put_on(&self, guest: &Guest, who: Who, report: &mut Report) -> anyhow::Result<()> {
        for keep in [Connections::Kept, Connections::PerRequest] {
            for &connections in &self.connections {
                let load = Load {
                    path: "/openstack/latest/meta_data.json",
                    connections,
                    keep,
                    duration: Duration::from_secs_f64(self.seconds),
                };
                let outcome = guest.run(|| load.run())??;
                report.add(who, &load, &outcome);
            }
        }
        Ok(())
    }

    /// Writes the figures down where they are wanted.
    fn finish(&self, json: &str, errors: u64) -> anyhow::Result<()> {
        if let Some(path) = &self.json {
            std::fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
        }
        anyhow::ensure!(errors == 0, "{errors} requests failed");
        Ok(())
    }
}

/// The program to measure: the one told of, or the one beside this program.
fn innkeeper(told: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match told {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?.with_file_name("innkeeper"),
    };
    anyhow::ensure!(path.exists(), "{} is not there: cargo build --release", path.display());
    Ok(path)
}
