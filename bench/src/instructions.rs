//! How many instructions one request takes in `innkeeper serve` once everything is kept: counted by
//! valgrind's callgrind, they are the same on a noisy machine as on a quiet one.
//!
//! Two runs of the program that differ only in the number of requests differ by what those take.
//! What the kernel does for the program is not counted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Guest, Sandbox};
use serde::{Deserialize, Serialize};

use crate::{
    load::{Connections, ask, request},
    samples::Samples,
    stage::Stage,
};

/// Where the counts that later ones are compared with are.
const RECORDED: &str = "docs/benchmarks/instructions.json";
/// What is asked for.
const PATH: &str = "/openstack/latest/meta_data.json";
/// Requests of the shorter and of the longer run: the first fill what is kept.
const REQUESTS: (u64, u64) = (200, 2200);
/// More than the answer is long.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How much more than recorded is a regression, in percent: what goes on beside the requests moves a
/// count by some tenths of a percent.
const MORE_MAX: f64 = 5.0;
/// Under callgrind everything takes some fifty times as long.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(100);

/// How instructions are counted.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write the counts down as those that later ones are compared with.
    #[arg(long)]
    record: bool,
    /// The innkeeper program; the one beside this program otherwise.
    #[arg(long, value_name = "FILE")]
    innkeeper: Option<PathBuf>,
    /// Leave what callgrind wrote of the longer runs in this directory, for callgrind_annotate.
    #[arg(long, value_name = "DIRECTORY")]
    profiles: Option<PathBuf>,
}

/// Instructions per request, and what made the program that was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counts {
    compiler: String,
    keep_alive: u64,
    connection_per_request: u64,
}

/// Counts, prints, and compares with what was recorded.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // Before the lab, where this is done once more.
    let compiler = compiler()?;
    Sandbox::enter()?;
    let stage = Stage::set_up(&crate::innkeeper(arguments.innkeeper.as_deref())?)?;
    let profiles = arguments.profiles.as_deref();
    let counts = Counts {
        compiler,
        keep_alive: per_request(&stage, Connections::Kept, profiles)?,
        connection_per_request: per_request(&stage, Connections::PerRequest, profiles)?,
    };
    println!(
        "instructions of innkeeper serve for one cached meta_data.json, without the kernel's:\n\
         keep-alive             {}\nconnection per request {}\n({})",
        counts.keep_alive, counts.connection_per_request, counts.compiler
    );
    let path = Path::new(RECORDED);
    if arguments.record {
        let json = serde_json::to_string_pretty(&counts)? + "\n";
        return fs::write(path, json).with_context(|| format!("write {}", path.display()));
    }
    let recorded = fs::read_to_string(path)
        .with_context(|| format!("read {}; --record writes it", path.display()))?;
    compare(&counts, &serde_json::from_str(&recorded)?)
}

/// Fails if a request takes more than it did.
fn compare(now: &Counts, recorded: &Counts) -> anyhow::Result<()> {
    for (mode, now, then) in [
        (Connections::Kept, now.keep_alive, recorded.keep_alive),
        (Connections::PerRequest, now.connection_per_request, recorded.connection_per_request),
    ] {
        #[allow(clippy::cast_precision_loss, reason = "no request takes 2^52 instructions")]
        let more = (now as f64 / then as f64 - 1.0) * 100.0;
        println!("{}: {more:+.1} % of the {then} recorded", mode.name());
        ensure!(
            more <= MORE_MAX,
            "a request takes {more:.1} % more instructions than recorded ({now}, not {then}); if \
             that is meant, or {} made other code than {} did, ./x bench instructions --record",
            compiler().unwrap_or_default(),
            recorded.compiler,
        );
    }
    Ok(())
}

fn per_request(stage: &Stage, keep: Connections, profiles: Option<&Path>) -> anyhow::Result<u64> {
    let (few, many) = REQUESTS;
    let (less, more) = (count(stage, keep, few)?, count(stage, keep, many)?);
    if let Some(directory) = profiles {
        fs::create_dir_all(directory)?;
        let name = format!("{}.callgrind", keep.name().replace(' ', "-"));
        let kept = directory.join(name);
        fs::copy(written(stage), &kept).with_context(|| format!("write {}", kept.display()))?;
    }
    Ok(more.saturating_sub(less) / (many - few))
}

/// The instructions of a whole run with so many requests.
fn count(stage: &Stage, keep: Connections, requests: u64) -> anyhow::Result<u64> {
    eprintln!("{}: {requests} requests", keep.name());
    let directory = stage.world().directory();
    let written = written(stage);
    let counting = [
        "--tool=callgrind".to_owned(),
        "--fair-sched=try".to_owned(),
        format!("--callgrind-out-file={}", written.display()),
    ];
    let program = stage.world().program().by_way_of("valgrind", counting);
    let log = directory.join("counted.log");
    let mut serve = program.start(["serve"], &log).context("start valgrind; is it installed?")?;
    let started = Instant::now();
    while !stage.guest().get(PATH).is_ok_and(|reply| reply.status == 200) {
        ensure!(serve.is_running(), "it ended under valgrind: {}", serve.log());
        ensure!(started.elapsed() < PATIENCE, "it did not start: {}", serve.log());
        sleep(POLL);
    }
    let samples = ask_times(stage.guest(), keep, requests)?;
    ensure!(samples.errors() == 0, "requests failed: {:?}", samples.failures());
    serve.terminate(PATIENCE)?;
    let text = fs::read_to_string(&written).context("read what callgrind counted")?;
    total(&text).context("callgrind wrote no total")
}

/// What callgrind writes, from one run to the next.
fn written(stage: &Stage) -> PathBuf {
    stage.world().directory().join("callgrind.out")
}

/// One after the other.
fn ask_times(guest: &Guest, keep: Connections, requests: u64) -> anyhow::Result<Samples> {
    let asking = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let request = request(PATH, keep);
            let mut buffer = vec![0; ANSWER_BYTES_MAX];
            let (mut samples, mut kept) = (Samples::default(), None);
            for _ in 0..requests {
                let stream = ask(kept.take(), None, &request, &mut buffer, &mut samples).await;
                kept = stream.filter(|_| keep == Connections::Kept);
            }
            anyhow::Ok(samples)
        })
    };
    guest.run(asking)?
}

/// The line `totals:` of callgrind's format (<https://valgrind.org/docs/manual/cl-format.html>).
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output();
    let Ok(output) = output else { return Ok("an unknown compiler".to_owned()) };
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found() {
        assert_eq!(total("# callgrind format\nevents: Ir\n\ntotals: 1234\n"), Some(1234));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn more_than_recorded_is_told() {
        let recorded = Counts {
            compiler: "rustc 1".to_owned(),
            keep_alive: 1000,
            connection_per_request: 2000,
        };
        compare(&recorded, &recorded).unwrap();
        let better = Counts { keep_alive: 100, ..recorded.clone() };
        compare(&better, &recorded).unwrap();
        let worse = Counts { connection_per_request: 2200, ..recorded.clone() };
        let error = compare(&worse, &recorded).unwrap_err().to_string();
        assert!(error.contains("10.0 % more"), "{error}");
    }
}
