//! Whether it matters how many instances there are: `innkeeper serve` with few and with many in its
//! store, each in a lab of its own, in turns.

mod lab;
mod tables;

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Sandbox, wait_until};
use serde::{Deserialize, Serialize};

use self::lab::Lab;
use super::{
    report::median,
    requests::read_each,
    stage::{END, Stage},
    usage::resident_kib,
};
use crate::samples::Samples;

/// The fewer instances.
const FEW: usize = 1000;
/// Guests that ask: enough for a 99th percentile of first reads.
const GUESTS: usize = 1000;
/// Reads of one guest's document, after the first.
const READS_AGAIN: usize = 5000;
/// Starts of each, in turns, each with all reads; the median is reported.
const ROUNDS: usize = 9;
/// After starting, before the memory of one that has nothing to do is looked at.
const SETTLE: Duration = Duration::from_secs(3);
/// How often it is looked whether it has started.
const POLL: Duration = Duration::from_millis(1);
/// For it to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a number of instances costs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Scale {
    pub(super) instances: usize,
    /// The database with its write-ahead log.
    pub(super) store_kib: u64,
    /// From its start until the operator is answered.
    pub(super) start_ms: u128,
    /// From its start until the guest is answered.
    pub(super) first_answer_ms: u128,
    pub(super) idle_rss_kib: u64,
    /// After the reads.
    pub(super) busy_rss_kib: u64,
    pub(super) first_read_p50_us: u64,
    pub(super) first_read_p99_us: u64,
    pub(super) read_again_p50_us: u64,
    pub(super) read_again_p99_us: u64,
    pub(super) errors: u64,
}

/// How instances are measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many there are, beside a store with 1,000 of them: all are made by the control API, some
    /// thousand in a second.
    #[arg(long, default_value_t = 1_000_000)]
    instances: usize,
    /// Write table and JSON into this directory.
    #[arg(long, value_name = "DIRECTORY", default_value = super::SHOWN)]
    out: PathBuf,
    /// The innkeeper program; the one beside this program otherwise.
    #[arg(long, value_name = "FILE")]
    innkeeper: Option<PathBuf>,
}

/// Measures, prints, and writes.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let innkeeper = crate::innkeeper(arguments.innkeeper.as_deref())?;
    let figures = measure_in_turns(&innkeeper, &[FEW, arguments.instances])?;
    tables::finish(&super::machine(&innkeeper, None)?, &figures, &arguments.out)
}

/// The lab of one number, a process of its own; started by the benchmark itself.
#[derive(Debug, clap::Args)]
pub(crate) struct OneArguments {
    #[arg(long)]
    innkeeper: PathBuf,
    #[arg(long)]
    instances: usize,
}

/// Makes the instances, and measures whenever it is asked.
pub(crate) fn run_one(arguments: &OneArguments) -> anyhow::Result<()> {
    Sandbox::enter()?;
    let guests = GUESTS.min(arguments.instances);
    let stage = Stage::set_up(&arguments.innkeeper, guests, arguments.instances - guests)?;
    lab::measure_when_asked(|| {
        let store_kib = store_kib(stage.world.directory())?;
        Ok(Scale { instances: arguments.instances, store_kib, ..measure_once(&stage)? })
    })
}

/// In turns, since the machine's own speed changes while it is measured.
fn measure_in_turns(innkeeper: &Path, numbers: &[usize]) -> anyhow::Result<Vec<Scale>> {
    let labs = numbers.iter().map(|instances| {
        eprintln!("scale: makes {instances} instances");
        Lab::set_up(innkeeper, *instances)
    });
    let mut labs: Vec<Lab> = labs.collect::<Result<_, _>>()?;
    let mut rounds: Vec<Vec<Scale>> = vec![Vec::new(); labs.len()];
    for round in 1..=ROUNDS {
        eprintln!("scale: round {round} of {ROUNDS}");
        for (lab, rounds) in labs.iter_mut().zip(&mut rounds) {
            rounds.push(lab.measure()?);
        }
    }
    Ok(rounds.iter().map(|rounds| medians(rounds)).collect())
}

fn medians(rounds: &[Scale]) -> Scale {
    Scale {
        instances: median(rounds, |round| round.instances),
        store_kib: median(rounds, |round| round.store_kib),
        start_ms: median(rounds, |round| round.start_ms),
        first_answer_ms: median(rounds, |round| round.first_answer_ms),
        idle_rss_kib: median(rounds, |round| round.idle_rss_kib),
        busy_rss_kib: median(rounds, |round| round.busy_rss_kib),
        first_read_p50_us: median(rounds, |round| round.first_read_p50_us),
        first_read_p99_us: median(rounds, |round| round.first_read_p99_us),
        read_again_p50_us: median(rounds, |round| round.read_again_p50_us),
        read_again_p99_us: median(rounds, |round| round.read_again_p99_us),
        errors: rounds.iter().map(|round| round.errors).sum(),
    }
}

/// Starts it, lets it rest, reads, ends it.
fn measure_once(stage: &Stage) -> anyhow::Result<Scale> {
    let started = Instant::now();
    let mut serve = stage.world.start("serve")?;
    let control = stage.world.directory().join("control.sock");
    let mut start = None;
    while start.is_none() {
        ensure!(started.elapsed() < PATIENCE, "serve did not start: {}", serve.log());
        if answers_operators(&control) {
            start = Some(started.elapsed());
        }
        sleep(POLL);
    }
    wait_until("the guest to be answered", PATIENCE, || {
        stage.guests.get("/").is_ok_and(|reply| reply.status == 200)
    })?;
    let first_answer = started.elapsed();
    sleep(SETTLE);
    let idle_rss_kib = resident_kib(serve.id())?;

    let addresses = &stage.addresses;
    let first = stage.guests.run(|| read(addresses.clone()))??;
    let one = addresses.first().copied().context("there are guests")?;
    let again = stage.guests.run(|| read(vec![one; READS_AGAIN]))??;
    let busy_rss_kib = resident_kib(serve.id())?;
    serve.terminate(END)?;
    Ok(Scale {
        start_ms: start.unwrap_or_default().as_millis(),
        first_answer_ms: first_answer.as_millis(),
        idle_rss_kib,
        busy_rss_kib,
        first_read_p50_us: first.percentile(50.0),
        first_read_p99_us: first.percentile(99.0),
        read_again_p50_us: again.percentile(50.0),
        read_again_p99_us: again.percentile(99.0),
        errors: first.errors() + again.errors(),
        ..Scale::default()
    })
}

/// One after the other.
fn read(addresses: Vec<Ipv4Addr>) -> anyhow::Result<Samples> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();
    let mut samples = runtime.block_on(read_each(addresses));
    samples.finish(started.elapsed());
    Ok(samples)
}

/// Whether the control API says anything at all.
fn answers_operators(socket: &Path) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) else { return false };
    let asked =
        stream.write_all(b"GET /v1/projects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut first = [0; 12];
    asked.is_ok() && stream.read_exact(&mut first).is_ok() && first.starts_with(b"HTTP/1.1 200")
}

fn store_kib(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("innkeeper.db") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes / 1024)
}
