//! `innkeeper host plan`, `status` and `cleanup`: what an operator asks and tells a host's networks.

use std::{io::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use innkeeper_host::{Change, Failure, Host, Inspection, Keeper, ReconcileReport, keeping_process};
use serde_json::{Value, json};

use super::{host, view};
use crate::config::{Config, ControlAddress};

/// Something is not as it should be.
const EXIT_NOT_GOOD: u8 = 1;

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum HostCommand {
    /// Show what the host role would change on this machine now, in order, and change nothing.
    Plan {
        /// For people, or for programs.
        #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
        output: Output,
    },
    /// Show what is there of this machine's networks, and what is wrong.
    ///
    /// Exits with 1 if anything is not as it should be.
    Status {
        /// For people, or for programs.
        #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
        output: Output,
        /// Name every namespace, not only those that are not as they should be.
        #[arg(long)]
        all: bool,
    },
    /// Remove every namespace, link, tap and rule that Innkeeper made on this machine.
    ///
    /// Nothing else is touched, and the database is not either: a host role that is started again
    /// makes everything anew. One that is running is to be stopped first.
    Cleanup {
        /// Only show what would be removed.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// Runs one to its exit code.
pub(crate) fn run(command: HostCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            HostCommand::Plan { output } => plan(&inspect(config).await?, output),
            HostCommand::Status { output, all } => status(&inspect(config).await?, output, all),
            HostCommand::Cleanup { dry_run } => clean_up(config, dry_run).await,
        }
    })
}

async fn inspect(config: &Config) -> anyhow::Result<Inspection> {
    let control = control(config);
    let view = view::of(&control, config.host.control_token_file.as_ref())?;
    let topology = view.topology(None, Duration::ZERO).await.with_context(|| {
        "cannot ask which networks there are to be: is `innkeeper serve` or `innkeeper api` \
         running, and does host.control name its control API?"
    })?;
    Ok(Host::new(host::without_dhcp(config)).inspect(&topology, &view).await)
}

/// On a machine with all roles only the socket's own key may have been set.
fn control(config: &Config) -> ControlAddress {
    match &config.host.control {
        ControlAddress::Socket(path) if !path.exists() && config.control.socket.exists() => {
            ControlAddress::Socket(config.control.socket.clone())
        }
        control => control.clone(),
    }
}

fn plan(inspection: &Inspection, output: Output) -> anyhow::Result<ExitCode> {
    let report = &inspection.report;
    if output == Output::Json {
        write(&format!("{:#}\n", changes_and_failures(report)))?;
    } else {
        let mut text = lines(&report.changes);
        if report.changes.is_empty() {
            text.push_str("nothing is to be changed\n");
        }
        text.push_str(&obstacles(&report.failures));
        write(&text)?;
    }
    Ok(exit(report.is_settled()))
}

fn status(inspection: &Inspection, output: Output, all: bool) -> anyhow::Result<ExitCode> {
    let kept_by = keeping_process();
    if output == Output::Json {
        write(&format!("{:#}\n", as_json(inspection, kept_by)))?;
    } else {
        write(&as_text(inspection, kept_by, all))?;
    }
    Ok(exit(inspection.is_good() && kept_by.is_some()))
}

fn as_json(inspection: &Inspection, kept_by: Option<i32>) -> Value {
    let namespaces = inspection.namespaces.iter();
    let namespaces = namespaces.map(|(name, standing)| (name.clone(), standing.as_str().into()));
    let mut status = changes_and_failures(&inspection.report);
    status["kept_by_process"] = json!(kept_by);
    status["namespaces"] = Value::Object(namespaces.collect());
    status["guarded_taps"] = json!(inspection.taps);
    status["remarks"] = failures_as_json(&inspection.remarks);
    status
}

fn as_text(inspection: &Inspection, kept_by: Option<i32>, all: bool) -> String {
    let good = inspection.namespaces.values().filter(|standing| standing.as_str() == "good");
    let keeper = match kept_by {
        Some(process) => format!("process {process}"),
        None => "nobody: start `innkeeper serve` or `innkeeper host`".to_owned(),
    };
    let mut text = format!(
        "kept by       {keeper}\nnamespaces    {} of {} as they should be\nguarded taps  {}\n",
        good.count(),
        inspection.namespaces.len(),
        inspection.taps
    );
    for (name, standing) in &inspection.namespaces {
        if all || standing.as_str() != "good" {
            text.push_str(&format!("{standing:<13} {name}\n"));
        }
    }
    let report = &inspection.report;
    if !report.changes.is_empty() {
        text.push_str("to be changed:\n");
        text.push_str(&lines(&report.changes));
    }
    text.push_str(&obstacles(&report.failures));
    if !inspection.remarks.is_empty() {
        text.push_str("to be known:\n");
        text.push_str(&indented(&inspection.remarks));
    }
    if inspection.is_good() {
        text.push_str("nothing is wrong\n");
    }
    text
}

async fn clean_up(config: &Config, dry_run: bool) -> anyhow::Result<ExitCode> {
    let host = Host::new(host::without_dhcp(config));
    let report = if dry_run {
        host.plan_removal().await
    } else {
        let _keeper = Keeper::claim()?;
        host.remove_all().await
    };
    let mut text = lines(&report.changes);
    if report.changes.is_empty() {
        text.push_str("there is nothing to remove\n");
    }
    text.push_str(&obstacles(&report.failures));
    write(&text)?;
    Ok(exit(report.is_settled()))
}

fn lines(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("  {change}\n")).collect()
}

fn indented(failures: &[Failure]) -> String {
    failures.iter().map(|failure| format!("  {failure}\n")).collect()
}

fn obstacles(failures: &[Failure]) -> String {
    match failures {
        [] => String::new(),
        failures => format!("in the way:\n{}", indented(failures)),
    }
}

fn changes_and_failures(report: &ReconcileReport) -> Value {
    let change = |change: &Change| json!({"item": change.item, "change": change.what});
    json!({
        "changes": report.changes.iter().map(change).collect::<Vec<_>>(),
        "failures": failures_as_json(&report.failures),
    })
}

fn failures_as_json(failures: &[Failure]) -> Value {
    let failure = |failure: &Failure| json!({"item": failure.item, "error": failure.error});
    failures.iter().map(failure).collect()
}

fn exit(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_GOOD) }
}

/// A reader that has read enough, such as `head`, is no failure.
fn write(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
