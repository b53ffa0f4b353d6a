//! `innkeeper import`.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use innkeeper_control_api::Client;
use innkeeper_model::{ImportedInstance, Instance};

use super::{
    arguments::{CommonArgs, OutputOptions},
    error::{CliError, EXIT_CODES},
};

/// The file that makes a directory one machine's.
const INPUT_FILE: &str = "input.json";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// A JSON file with one machine as Nova kept it; or a directory that holds one as input.json,
    /// or whose own directories do.
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
}

/// Imports each; names what cannot be imported, and goes on.
pub(crate) async fn run(
    client: &Client,
    output: &OutputOptions,
    args: &Import,
) -> Result<(), CliError> {
    let mut progress = Progress::default();
    let mut files = Vec::new();
    for path in &args.paths {
        match files_of(path) {
            Ok(found) => files.extend(found),
            Err(error) => progress.failed(&error),
        }
    }
    progress.total = files.len() + progress.failures;
    let mut imported = Vec::new();
    for file in &files {
        match import(client, file).await {
            Ok(instance) => imported.push(instance),
            // The others would fare no better.
            Err(CliError::Control(error)) if error.is_unavailable() => {
                progress.end(imported.len());
                return Err(error.into());
            }
            Err(error) => progress.failed(&format!("{}: {error}", file.display())),
        }
        progress.show(imported.len());
    }
    progress.end(imported.len());
    output.list::<Instance>(&imported)?;
    match progress.failures {
        0 => Ok(()),
        failures => Err(CliError::Partly(format!(
            "{failures} of {} could not be imported: mend what is named above and import those \
             again",
            progress.total
        ))),
    }
}

async fn import(client: &Client, file: &Path) -> Result<Instance, CliError> {
    let bytes = fs::read(file).map_err(|error| CliError::File {
        path: file.display().to_string(),
        cause: error.to_string(),
    })?;
    let imported: ImportedInstance = serde_json::from_slice(&bytes)
        .map_err(|error| CliError::NotAMachine(format!("is not a JSON object: {error}")))?;
    // Said here, it needs no control API.
    imported.record()?;
    Ok(client.instance_import(&imported).await?)
}

/// The machines' files that an argument stands for, in the order of their names.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own = path.join(INPUT_FILE);
    if own.is_file() {
        return Ok(vec![own]);
    }
    let unreadable = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path().join(INPUT_FILE);
        if file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(format!(
            "{}: neither it nor a directory in it holds an {INPUT_FILE}",
            path.display()
        ));
    }
    files.sort();
    Ok(files)
}

/// What standard error is told: a line that moves on a terminal, and one at the end elsewhere.
#[derive(Debug, Default)]
struct Progress {
    total: usize,
    failures: usize,
    /// Whether the cursor stands behind a line that is to be written over.
    open: bool,
}

impl Progress {
    fn show(&mut self, imported: usize) {
        if io::stderr().is_terminal() {
            say(&format!("\rimported {imported} of {}", self.total));
            self.open = true;
        }
    }

    fn failed(&mut self, error: &str) {
        self.failures += 1;
        let start = if self.open { "\n" } else { "" };
        say(&format!("{start}error: {error}\n"));
        self.open = false;
    }

    fn end(&self, imported: usize) {
        let start = if self.open { "\r" } else { "" };
        say(&format!("{start}imported {imported} of {}\n", self.total));
    }
}

/// Standard error may be closed; the exit code still says how it went.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_the_machines_in_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let none = files_of(path).expect_err("nothing in it");
        assert!(none.contains("holds an input.json"), "{none}");
        for case in ["b", "a", "empty"] {
            fs::create_dir(path.join(case)).expect("made");
        }
        for case in ["b", "a"] {
            fs::write(path.join(case).join(INPUT_FILE), "{}").expect("written");
        }
        let found = files_of(path).expect("two");
        assert_eq!(found, [path.join("a/input.json"), path.join("b/input.json")]);
        assert_eq!(files_of(&path.join("a")).expect("one"), [path.join("a/input.json")]);
        let missing = path.join("missing.json");
        assert_eq!(files_of(&missing).expect("named when it is read"), [missing]);
    }
}
