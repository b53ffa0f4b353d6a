//! Replays recordings of OpenStack Nova against the metadata API and compares the bytes.
//!
//! Exit codes: 0 every answer is Nova's or on the list of deviations, 1 some is not, 2 wrong usage.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::Context;
use clap::Parser;
use innkeeper_conformance::{ConformanceError, Deviations, Options, Plan, run};

/// As of a program that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// Replay recordings of OpenStack Nova against the metadata API and compare the bytes.
///
/// Starts `innkeeper api` once per configuration that the recordings name, with a database of its
/// own in a temporary directory, imports their machines and asks what was asked of Nova.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The innkeeper program; the one beside this program otherwise.
    #[arg(long, value_name = "FILE")]
    innkeeper: Option<PathBuf>,
    /// What differs from Nova on purpose; nothing otherwise.
    #[arg(long, value_name = "FILE")]
    deviations: Option<PathBuf>,
    /// Fail also if a line of the deviations excuses nothing.
    #[arg(long)]
    strict: bool,
    /// The recordings: folders with input.json and responses*.json.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    stop_on_signals()?;
    let innkeeper = match arguments.innkeeper {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("innkeeper"),
    };
    anyhow::ensure!(
        innkeeper.is_file(),
        "there is no program at {}: build it (cargo build -p innkeeper), or name one with \
         --innkeeper",
        innkeeper.display()
    );
    let deviations = match &arguments.deviations {
        Some(path) => Deviations::read(path)?,
        None => Deviations::default(),
    };
    let plan = Plan::read(&arguments.directory)?;
    let options = Options { innkeeper, deviations, stop: &STOP };
    let report = match run(&plan, &options, |doing| eprintln!("{doing}")) {
        Err(ConformanceError::Interrupted) => return Ok(ExitCode::from(EXIT_INTERRUPTED)),
        outcome => outcome?,
    };
    print!("{report}");

    let mut code = ExitCode::SUCCESS;
    if report.different() > 0 {
        eprintln!("\n{} answers are not Nova's", report.different());
        code = ExitCode::FAILURE;
    }
    if arguments.strict && !report.unused_lines().is_empty() {
        eprintln!("\nthese lines of the deviations excuse nothing; take them away:");
        for line in report.unused_lines() {
            eprintln!("  {line}");
        }
        code = ExitCode::FAILURE;
    }
    Ok(code)
}

/// Lets Ctrl-C and SIGTERM end the replay in order: processes ended, directories removed. A second
/// one ends it at once.
fn stop_on_signals() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let watch = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if STOP.swap(true, Ordering::Relaxed) {
                    // It has been asked before, and hangs.
                    std::process::abort();
                }
            }
        });
    };
    thread::Builder::new().name("signals".to_owned()).spawn(watch).context("start a thread")?;
    Ok(())
}
