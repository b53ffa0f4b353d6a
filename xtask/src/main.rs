//! Checks of the source tree that cargo has no command for: `cargo run -p xtask -- check`.
//!
//! They are this project's equal of `cargo deny check licenses bans sources`, so that no tool has
//! to be installed for them, plus what only this project knows: which crate may use which, how
//! long a file may be, where `unsafe` may stand.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it found")]

mod check;
mod metadata;
mod spdx;
mod tree;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::check::{CHECKS, Check};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs what was asked for; false if a check found something.
fn run(arguments: &[String]) -> Result<bool> {
    let names = match arguments.split_first() {
        Some((command, names)) if command == "check" => names,
        _ => bail!("usage: cargo run -p xtask -- check [{}]...", known_names()),
    };
    let chosen = chosen_checks(names)?;
    let project = check::Project::read()?;

    let mut clean = true;
    for check in chosen {
        let findings = (check.run)(&project)?;
        if findings.is_empty() {
            println!("{}: ok", check.name);
            continue;
        }
        clean = false;
        eprintln!("{}: {} to mend ({})", check.name, findings.len(), check.rule);
        for finding in findings {
            eprintln!("  {finding}");
        }
    }
    Ok(clean)
}

fn chosen_checks(names: &[String]) -> Result<Vec<&'static Check>> {
    if names.is_empty() {
        return Ok(CHECKS.iter().collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        match CHECKS.iter().find(|check| check.name == name) {
            Some(check) => chosen.push(check),
            None => bail!("no check is named {name}; there are: {}", known_names()),
        }
    }
    Ok(chosen)
}

fn known_names() -> String {
    CHECKS.iter().map(|check| check.name).collect::<Vec<_>>().join("|")
}
