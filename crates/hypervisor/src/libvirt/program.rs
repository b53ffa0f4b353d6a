//! Programs that are run: never through a shell, never for ever, in no language but English.

use std::{ffi::OsStr, io, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use crate::HypervisorError;

/// Characters of a program's complaint that are passed on: the first lines say it.
const SAID_CHARS_MAX: usize = 600;

/// A program and what is known about doing without it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// What to do if it is not there.
    pub(crate) missing: &'static str,
}

/// One run of a program.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// What it is for, as a noun: it begins or ends a sentence.
    pub(crate) doing: String,
    pub(crate) args: Vec<&'a OsStr>,
    /// What it reads.
    pub(crate) input: &'a [u8],
    pub(crate) within: Duration,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    /// Its complaint in one line, without `error:`.
    pub(crate) said: String,
}

impl Program {
    /// Runs it to its end. It is killed if this future is dropped.
    pub(crate) async fn run(self, run: Run<'_>) -> Result<Ended, HypervisorError> {
        let Run { doing, args, input, within } = run;
        let mut command = Command::new(self.name);
        command.args(args).kill_on_drop(true);
        command.env("LC_ALL", "C").env_remove("LANGUAGE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let exchange = async {
            let mut child = command.spawn()?;
            // It may end without reading all, and then says why.
            if let Some(mut stdin) = child.stdin.take() {
                let _ = stdin.write_all(input).await;
            }
            child.wait_with_output().await
        };
        match timeout(within, exchange).await {
            Ok(Ok(output)) => Ok(Ended {
                success: output.status.success(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                said: complaint(&String::from_utf8_lossy(&output.stderr)),
            }),
            Ok(Err(source)) => Err(self.not_run(doing, source)),
            Err(_elapsed) => Err(HypervisorError::TooSlow {
                program: self.name,
                doing,
                seconds: within.as_secs(),
            }),
        }
    }

    fn not_run(self, doing: String, source: io::Error) -> HypervisorError {
        if source.kind() == io::ErrorKind::NotFound {
            let (program, advice) = (self.name, self.missing);
            return HypervisorError::ProgramMissing { program, doing, advice };
        }
        HypervisorError::ProgramNotRun { program: self.name, doing, source }
    }
}

/// The lines of a complaint in one, fit for a terminal.
fn complaint(stderr: &str) -> String {
    let lines = stderr.lines().map(|line| line.trim().trim_start_matches("error: "));
    let text = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(": ");
    let harmless = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let said: String = harmless.take(SAID_CHARS_MAX).collect();
    if said.is_empty() { "it does not say why".to_owned() } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<'a>(args: &'a [&'a str], input: &'a str, within: Duration) -> Run<'a> {
        let args = args.iter().map(OsStr::new).collect();
        Run { doing: "a test".to_owned(), args, input: input.as_bytes(), within }
    }

    const LONG: Duration = Duration::from_secs(20);
    const SH: Program = Program { name: "sh", missing: "install a shell" };

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let words = ["-c", "cat; echo \"error: a\nerror: b\" >&2; exit 3"];
        let ended = SH.run(run(&words, "in", LONG)).await.expect("it runs");
        assert_eq!((ended.success, &*ended.stdout, &*ended.said), (false, "in", "a: b"));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let slow = ["-c", "exec sleep 60"];
        let slow = run(&slow, "", Duration::from_millis(50));
        let error = SH.run(slow).await.expect_err("too slow").to_string();
        assert!(error.starts_with("a test took longer than"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named_with_what_to_do() {
        let program = Program { name: "no-such-program-of-ours", missing: "install it" };
        let error = program.run(run(&[], "", LONG)).await.expect_err("missing").to_string();
        assert!(error.contains("no-such-program-of-ours is not installed"), "{error}");
        assert!(error.ends_with("install it"), "{error}");
    }
}
