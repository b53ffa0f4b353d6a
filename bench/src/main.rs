//! Measures the metadata path, config drives and networks beside what an operator could run instead.
//!
//! It is a program and not a test: it fails on errors, never on times.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

mod drives;
mod instructions;
mod load;
mod networks;
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
use innkeeper_lab::Guest;

use crate::{
    load::{Connections, Load},
    report::{Report, Who},
};

/// Measure Innkeeper beside what could be run instead.
///
/// Everything happens in private network namespaces; nothing of this machine is touched.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
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

/// What is measured.
#[derive(Debug, Subcommand)]
enum What {
    /// Measure how many config drives are made, beside genisoimage started for each, as Nova does.
    Drives(drives::Arguments),
    /// Measure memory and time of networks in one process, beside one haproxy for each, as Neutron
    /// has it.
    Networks(networks::Arguments),
    /// Measure the two ways through a router: by redirection, and by the address itself.
    Paths(paths::Arguments),
    /// Measure requests and boot storms beside nginx and the kernel's limit; with `--openstack`,
    /// beside OpenStack's own path.
    Peers(peers::Arguments),
    /// Measure `innkeeper serve` with a million instances in its store beside one with a thousand.
    Scale(peers::scale::Arguments),
    /// Count the instructions of one cached request with valgrind, and compare them with the recorded
    /// ones.
    Instructions(instructions::Arguments),
    #[command(hide = true)]
    RawHop(peers::raw::Arguments),
    #[command(hide = true)]
    ScaleOf(peers::scale::OneArguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Drives(arguments) => drives::run(arguments),
        What::Networks(arguments) => networks::run(arguments),
        What::Paths(arguments) => paths::run(arguments),
        What::Peers(arguments) => peers::run(&arguments),
        What::Instructions(arguments) => instructions::run(&arguments),
        What::RawHop(arguments) => peers::raw::run(&arguments),
        What::Scale(arguments) => peers::scale::run(&arguments),
        What::ScaleOf(arguments) => peers::scale::run_one(&arguments),
    }
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
