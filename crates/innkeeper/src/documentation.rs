//! Completions and man pages, made from the command line's own definition.

use std::{fs, path::Path};

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The completion script of a shell.
pub(crate) fn completions(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "innkeeper", &mut script);
    script
}

/// The page innkeeper(1).
pub(crate) fn page(command: &Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).context("cannot write the man page")?;
    Ok(page)
}

/// Writes a page for each command into `directory`.
pub(crate) fn pages(command: Command, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(command, directory))
        .with_context(|| format!("cannot write man pages into {}", directory.display()))
}
