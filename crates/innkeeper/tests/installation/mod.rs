//! An installation in a directory of its own, and the program as an operator runs it there.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take that happens at once unless it never does.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `init --dir` makes, gone when dropped.
pub(crate) struct Installation {
    directory: TempDir,
}

impl Installation {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    /// After `innkeeper init`.
    pub(crate) fn new() -> Self {
        let installation = Self::empty();
        let directory = installation.path("");
        let output =
            installation.run(&["init", "--dir", directory.to_str().expect("a path in UTF-8")]);
        assert!(output.status.success(), "init failed: {}", stderr(&output));
        installation
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file's text.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// A file's permission bits.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}")).mode() & 0o777
    }

    /// A command with nothing of this machine's configuration.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).args(args);
        command.env("INNKEEPER_CONTROL_SOCKET", self.path("control.sock"));
        command.env("INNKEEPER_CONFIG", self.path("innkeeper.toml"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = self.command(args);
        if args.first() == Some(&"init") {
            command.env_remove("INNKEEPER_CONFIG");
        }
        command.output().expect("the program runs")
    }

    /// Runs a command that must succeed; its standard output.
    pub(crate) fn done(&self, words: &str) -> String {
        let args: Vec<_> = words.split_whitespace().collect();
        let output = self.run(&args);
        assert!(output.status.success(), "innkeeper {words}: {}", stderr(&output));
        stdout(&output)
    }

    /// Runs a command that must succeed and print JSON.
    pub(crate) fn json(&self, words: &str) -> serde_json::Value {
        let text = self.done(&format!("{words} --output json"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("innkeeper {words}: {e}: {text}"))
    }

    /// Runs a command that must fail: its exit code and standard error.
    pub(crate) fn refused(&self, words: &str) -> (i32, String) {
        let args: Vec<_> = words.split_whitespace().collect();
        let output = self.run(&args);
        assert!(!output.status.success(), "innkeeper {words} succeeded: {}", stdout(&output));
        (output.status.code().expect("an exit code"), stderr(&output))
    }

    /// Starts a role and waits until it says that it is ready.
    pub(crate) fn start(&self, role: &str, flags: &[&str]) -> Running {
        let log = self.path(&format!("{role}.log"));
        let mut command = self.command(&[role]);
        command.args(flags).stdout(Stdio::null()).stderr(File::create(&log).expect("a log"));
        let mut running = Running { child: command.spawn().expect("the program runs"), log };
        wait_for("a role to be ready", || {
            if let Ok(Some(status)) = running.child.try_wait() {
                panic!("{role} ended with {status}: {}", running.log());
            }
            running.log().contains("ready").then_some(())
        });
        running
    }
}

/// A role in the background, killed when dropped.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        let mut text = String::new();
        File::open(&self.log).and_then(|mut file| file.read_to_string(&mut text)).expect("its log");
        text
    }

    /// Where its control API listens on TCP, as its log says.
    pub(crate) fn control_url(&self) -> String {
        let log = self.log();
        let url = log.split(['"', ' ', ',', '=']).find_map(|word| word.strip_suffix("/v1"));
        url.expect("it says where it listens").to_owned()
    }

    /// Its arguments and environment, as every process of its user can read them.
    pub(crate) fn visible(&self) -> String {
        let proc = Path::new("/proc").join(self.child.id().to_string());
        ["cmdline", "environ"]
            .map(|name| {
                String::from_utf8_lossy(&fs::read(proc.join(name)).expect("it runs")).into_owned()
            })
            .concat()
    }

    /// Tells it to stop and waits until it has.
    pub(crate) fn stop(&mut self, signal: Signal) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("it runs");
        wait_for("a role to stop", || self.child.try_wait().expect("a status"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something that is about to happen.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
