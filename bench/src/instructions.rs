//! How many instructions one request takes once everything is kept, in `innkeeper serve` and in each
//! of the three processes: counted by valgrind's callgrind, they are the same on a noisy machine as
//! on a quiet one.
//!
//! Two runs of the program that differ only in the number of requests differ by what those take.
//! What the kernel does for the program is not counted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Guest, Process, Sandbox};
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

/// The processes whose instructions are counted, each with those that run beside it.
const COUNTED: [(&str, &[&str]); 4] = [
    ("serve", &[]),
    ("proxy", &["api", "agent", "host"]),
    ("agent", &["api", "proxy", "host"]),
    ("api", &["agent", "proxy", "host"]),
];

/// Instructions per request, and what made the program that was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counts {
    compiler: String,
    processes: BTreeMap<String, PerRequest>,
}

/// Of one process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct PerRequest {
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
    println!("instructions for one cached meta_data.json, without the kernel's ({compiler})");
    println!("process  keep-alive  connection per request");
    let mut processes = BTreeMap::new();
    for (role, beside) in COUNTED {
        let counted = Counted { role, beside, stage: &stage, profiles };
        let counts = PerRequest {
            keep_alive: counted.per_request(Connections::Kept)?,
            connection_per_request: counted.per_request(Connections::PerRequest)?,
        };
        println!("{role:7}  {:10}  {:22}", counts.keep_alive, counts.connection_per_request);
        processes.insert(role.to_owned(), counts);
    }
    let counts = Counts { compiler, processes };
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
    for (role, now) in &now.processes {
        let then = recorded.processes.get(role);
        let then = then.with_context(|| format!("of {role} nothing is recorded: --record it"))?;
        for (mode, now, then) in [
            (Connections::Kept, now.keep_alive, then.keep_alive),
            (Connections::PerRequest, now.connection_per_request, then.connection_per_request),
        ] {
            #[allow(clippy::cast_precision_loss, reason = "no request takes 2^52 instructions")]
            let more = (now as f64 / then as f64 - 1.0) * 100.0;
            println!("{role}, {}: {more:+.1} % of the {then} recorded", mode.name());
            ensure!(
                more <= MORE_MAX,
                "a request takes {more:.1} % more instructions of innkeeper {role} than recorded \
                 ({now}, not {then}); if that is meant, or {} made other code than {} did, ./x \
                 bench instructions --record",
                compiler().unwrap_or_default(),
                recorded.compiler,
            );
        }
    }
    Ok(())
}

/// A process under callgrind, and the others as they are.
struct Counted<'a> {
    role: &'static str,
    beside: &'static [&'static str],
    stage: &'a Stage,
    profiles: Option<&'a Path>,
}

impl Counted<'_> {
    fn per_request(&self, keep: Connections) -> anyhow::Result<u64> {
        let (few, many) = REQUESTS;
        let (less, more) = (self.count(keep, few)?, self.count(keep, many)?);
        if let Some(directory) = self.profiles {
            fs::create_dir_all(directory)?;
            let name = format!("{}-{}.callgrind", self.role, keep.name().replace(' ', "-"));
            let kept = directory.join(name);
            let written = written(self.stage);
            fs::copy(written, &kept).with_context(|| format!("write {}", kept.display()))?;
        }
        Ok(more.saturating_sub(less) / (many - few))
    }

    /// The instructions of a whole run with so many requests.
    fn count(&self, keep: Connections, requests: u64) -> anyhow::Result<u64> {
        eprintln!("{}, {}: {requests} requests", self.role, keep.name());
        let world = self.stage.world();
        let written = written(self.stage);
        let counting = [
            "--tool=callgrind".to_owned(),
            "--fair-sched=try".to_owned(),
            format!("--callgrind-out-file={}", written.display()),
        ];
        let program = world.program().by_way_of("valgrind", counting);
        let log = world.directory().join("counted.log");
        let start = || program.start([self.role], &log).context("start valgrind; is it installed?");
        let mut counted = start()?;
        let beside = self.beside.iter().map(|role| world.start(role));
        let beside = beside.collect::<Result<Vec<Process>, _>>()?;
        let started = Instant::now();
        while !self.stage.guest().get(PATH).is_ok_and(|reply| reply.status == 200) {
            ensure!(counted.is_running(), "it ended under valgrind: {}", counted.log());
            ensure!(started.elapsed() < PATIENCE, "it did not start: {}", counted.log());
            sleep(POLL);
        }
        let samples = ask_times(self.stage.guest(), keep, requests)?;
        ensure!(samples.errors() == 0, "requests failed: {:?}", samples.failures());
        counted.terminate(PATIENCE)?;
        for mut process in beside {
            process.terminate(PATIENCE)?;
        }
        let text = fs::read_to_string(&written).context("read what callgrind counted")?;
        total(&text).context("callgrind wrote no total")
    }
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
        let counts = |keep_alive, connection_per_request| Counts {
            compiler: "rustc 1".to_owned(),
            processes: BTreeMap::from_iter([(
                "agent".to_owned(),
                PerRequest { keep_alive, connection_per_request },
            )]),
        };
        let recorded = counts(1000, 2000);
        compare(&recorded, &recorded).unwrap();
        compare(&counts(100, 2000), &recorded).unwrap();
        let error = compare(&counts(1000, 2200), &recorded).unwrap_err().to_string();
        assert!(error.contains("10.0 % more instructions of innkeeper agent"), "{error}");
    }
}
