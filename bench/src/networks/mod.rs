//! What networks cost in one process, beside one haproxy in each namespace as OpenStack has it.
//!
//! Each number of networks has a process and a database of its own. haproxy is started in the very
//! namespaces that Innkeeper has made, after it was stopped.

mod haproxy;
mod operator;
mod ours;
mod report;
mod served;
mod usage;

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use innkeeper_lab::Sandbox;

use self::{ours::Run, report::Report};

/// How networks are measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Numbers of networks, each a column of its own.
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,5000")]
    networks: Vec<usize>,
    /// At most so many haproxies: each takes megabytes and many milliseconds.
    #[arg(long, default_value_t = 1000)]
    haproxies_max: usize,
    /// How long an idle process is watched, in seconds.
    #[arg(long, default_value_t = 20.0)]
    idle: f64,
    /// Ten networks and a short look at an idle process, to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Write the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The innkeeper program; the one beside this program otherwise.
    #[arg(long, value_name = "FILE")]
    innkeeper: Option<PathBuf>,
}

/// Measures and prints.
pub(crate) fn run(mut arguments: Arguments) -> anyhow::Result<()> {
    if arguments.quick {
        (arguments.networks, arguments.idle) = (vec![10], 5.0);
    }
    let _sandbox = Sandbox::enter_with_processes()?;
    crate::signals::end_when_told()?;
    let innkeeper = crate::innkeeper(arguments.innkeeper.as_deref())?;
    let mut report = Report::new(&haproxy::version()?);
    for &count in &arguments.networks {
        eprintln!("{count} networks: made");
        let mut run = Run::begin(&innkeeper, count)?;
        eprintln!("{count} networks: idle, mended, killed");
        run.go_on(Duration::from_secs_f64(arguments.idle))?;
        run.stop()?;
        if count <= arguments.haproxies_max {
            eprintln!("{count} networks: haproxy in each");
            let networks = run.networks().get(..count).context("networks are missing")?;
            report.add_haproxy(haproxy::measure(networks)?);
        }
        eprintln!("{count} networks: removed, made anew, removed");
        report.add(run.finish()?);
    }
    println!("\n{}", report.markdown());
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.json()?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
