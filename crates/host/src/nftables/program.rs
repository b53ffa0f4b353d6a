//! The program that compiles rules and sets them.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::HostError;

/// Where distributions put nft; an ordinary user's PATH often has neither.
const USUAL_PLACES: [&str; 2] = ["/usr/sbin/nft", "/sbin/nft"];

/// `nft`, wherever it is.
#[derive(Debug, Clone)]
pub(crate) struct Nft {
    program: Option<PathBuf>,
}

impl Nft {
    /// This program, or the one that is installed.
    pub(crate) fn new(program: Option<PathBuf>) -> Self {
        Self { program }
    }

    /// Runs commands, all or none, in the calling thread's namespace.
    pub(crate) fn run(&self, commands: &str, doing: &'static str) -> Result<(), HostError> {
        let usual = || USUAL_PLACES.into_iter().map(Path::new).find(|path| path.exists());
        let program = self.program.as_deref().or_else(usual).unwrap_or_else(|| Path::new("nft"));
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => HostError::NftMissing,
            _ => HostError::system(format_args!("run {}", program.display()), error),
        };
        let mut child = Command::new(program)
            .args(["-f", "-"])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(commands.as_bytes()) {
                // It gave up before it read all: its answer says why.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                written => written.map_err(failed)?,
            }
        }
        let output = child.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(HostError::Nft { doing, answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_nft_says_what_to_install() {
        let nft = Nft::new(Some(PathBuf::from("/nonexistent/nft")));
        let error = nft.run("", "set the metadata rules").unwrap_err().to_string();
        assert!(error.contains("install the package nftables"), "{error}");
    }
}
