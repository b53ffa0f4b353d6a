//! Measures the metadata path from a guest through a router's redirect: all roles in one process,
//! the roles as processes of their own, and nginx serving the same bytes from the same namespace
//! behind the same redirect, in alternation. With `drives`, the making of config drives instead; with
//! `networks`, what networks cost beside haproxy.
//!
//! It is a program and not a test: it fails on errors, never on times.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

mod drives;
mod load;
mod networks;
mod nginx;
mod report;
mod signals;
mod stage;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use innkeeper_lab::Sandbox;

use crate::{
    load::{Connections, Load},
    report::Report,
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
}

fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::parse();
    match arguments.other {
        Some(Other::Drives(arguments)) => return drives::run(arguments),
        Some(Other::Networks(arguments)) => return networks::run(arguments),
        None => {}
    }
    if arguments.quick {
        (arguments.rounds, arguments.seconds) = (1, 0.5);
    }
    Sandbox::enter()?;
    let innkeeper = innkeeper(arguments.innkeeper.as_deref())?;
    let mut stage = Stage::set_up(&innkeeper)?;
    let report = measure(&mut stage, &arguments)?;
    println!("\n{}", report.markdown());
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.json()?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    let errors = report.errors();
    anyhow::ensure!(errors == 0, "{errors} requests failed");
    Ok(())
}

/// The program to measure: the one told of, or the one beside this program.
fn innkeeper(told: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match told {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?.with_file_name("innkeeper"),
    };
    let not_there = || format!("{} is not there: cargo build --release", path.display());
    anyhow::ensure!(path.exists(), not_there());
    Ok(path)
}

fn measure(stage: &mut Stage, arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new();
    for round in 1..=arguments.rounds {
        for contender in Contender::ALL {
            eprintln!("round {round} of {}: {}", arguments.rounds, contender.name());
            let running = stage.start(contender)?;
            for keep in [Connections::Kept, Connections::PerRequest] {
                for &connections in &arguments.connections {
                    let load = Load {
                        path: "/openstack/latest/meta_data.json",
                        connections,
                        keep,
                        duration: Duration::from_secs_f64(arguments.seconds),
                    };
                    let outcome = stage.guest().run(|| load.run())??;
                    report.add(contender, &load, &outcome);
                }
            }
            running.stop()?;
        }
    }
    Ok(report)
}
