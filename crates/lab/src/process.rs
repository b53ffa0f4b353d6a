use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{LabError, wait_for};

/// Runs a program to its end and gives its standard output.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &str,
    args: impl IntoIterator<Item = S>,
) -> Result<String, LabError> {
    let mut command = Command::new(program);
    command.args(args);
    let output = command
        .output()
        .map_err(|source| LabError::Spawn { program: program.to_owned(), source })?;
    checked(&command, &output)
}

fn checked(command: &Command, output: &Output) -> Result<String, LabError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    Err(LabError::Failed {
        command: format!("{} {}", command.get_program().to_string_lossy(), words.join(" ")),
        message: format!("{} ({})", said.trim(), output.status),
    })
}

/// The program under test, with the environment it is always given.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    first: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Program {
    /// The program at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), first: Vec::new(), environment: Vec::new() }
    }

    /// The same program, always given this variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same program, always given these arguments before others.
    #[must_use]
    pub fn before<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.first.extend(args.into_iter().map(Into::into));
        self
    }

    /// The same, run by way of another program, such as one that sets limits.
    #[must_use]
    pub fn by_way_of<S: Into<String>>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut first: Vec<String> = args.into_iter().map(Into::into).collect();
        first.push(self.path.to_string_lossy().into_owned());
        first.extend(self.first.iter().cloned());
        Self { path: program.into(), first, environment: self.environment.clone() }
    }

    /// A command of the program.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.first)
            .args(args)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end and gives its standard output; anything but success is an error.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<String, LabError> {
        let mut command = self.command(args);
        let output = command.output().map_err(|source| self.not_started(source))?;
        checked(&command, &output)
    }

    /// Runs it to its end, reads its standard output as JSON.
    pub fn json<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<serde_json::Value, LabError> {
        let text = self.run(args)?;
        serde_json::from_str(&text).map_err(|e| LabError::Failed {
            command: self.path.display().to_string(),
            message: format!("printed no JSON: {e}: {text}"),
        })
    }

    /// Starts it in the background, its standard error appended to `log`. It ends with the thread
    /// that started it, whatever ends that: nothing is left behind by a test that is killed.
    pub fn start<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        log: &Path,
    ) -> Result<Process, LabError> {
        let open = File::options().create(true).append(true).open(log);
        let stderr =
            open.map_err(|source| LabError::File { doing: "open", path: log.to_owned(), source })?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(&self.path).args(&self.first).args(args);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().map_err(|source| self.not_started(source))?;
        Ok(Process { child, log: log.to_owned() })
    }

    fn not_started(&self, source: io::Error) -> LabError {
        LabError::Spawn { program: self.path.display().to_string(), source }
    }
}

/// A program in the background; killed and reaped when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on its standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) -> Result<(), LabError> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits for it.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus, LabError> {
        let raw = i32::try_from(self.child.id()).unwrap_or(0);
        if let Some(pid) = Pid::from_raw(raw) {
            kill_process(pid, Signal::TERM).map_err(io::Error::from)?;
        }
        wait_for("a terminated process to end", limit, || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
