//! How many config drives are made in a second on one core: ours, and Nova's way of writing the
//! files into a directory and starting genisoimage, in alternation, beside copying the same bytes.

mod contender;
mod report;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use self::{
    contender::{Contender, Workshop},
    report::Report,
};

/// How drives are measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds per figure; the median is reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// One round of a tenth of a second each, to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Write the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures and prints.
pub(crate) fn run(mut arguments: Arguments) -> anyhow::Result<()> {
    if arguments.quick {
        (arguments.rounds, arguments.seconds) = (1, 0.1);
    }
    keep_to_one_core()?;
    let mut workshop = Workshop::set_up()?;
    workshop.check()?;
    let mut report = Report::new(&workshop)?;
    for round in 1..=arguments.rounds {
        for contender in Contender::ALL {
            eprintln!("round {round} of {}: {}", arguments.rounds, contender.name());
            let per_drive = measure(&mut workshop, contender, arguments.seconds)?;
            report.add(contender, per_drive);
        }
    }
    println!("\n{}", report.markdown());
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.json()?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// The time that one drive takes, over `seconds` of making them.
fn measure(
    workshop: &mut Workshop,
    contender: Contender,
    seconds: f64,
) -> anyhow::Result<Duration> {
    let limit = Duration::from_secs_f64(seconds);
    // What is needed for the first time is not counted.
    workshop.make(contender)?;
    let begin = Instant::now();
    let mut made = 0;
    while begin.elapsed() < limit {
        workshop.make(contender)?;
        made += 1;
    }
    Ok(begin.elapsed() / made)
}

/// Of the cores that this program may use, the last one: for it and for what it starts.
fn keep_to_one_core() -> anyhow::Result<()> {
    let allowed = sched_getaffinity(None).context("ask for the cores")?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core));
    let mut one = CpuSet::new();
    one.set(last.context("no core may be used")?);
    sched_setaffinity(None, &one).context("keep to one core")
}
