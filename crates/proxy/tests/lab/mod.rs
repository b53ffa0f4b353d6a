//! A machine's network for one test alone: the test runs once more in a process with network and
//! mount namespaces of its own and an empty /run, so that it can neither see nor disturb the
//! machine or another test. An ordinary user gets a user namespace as well.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests panic and print as tests do"
)]

use std::{
    fs::File,
    os::fd::AsFd,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where `ip netns` keeps names.
pub(crate) const NETNS_DIR: &str = "/run/netns";
/// Longer than any of these tests takes on a loaded machine.
const TEST_SECONDS_MAX: &str = "180";
const INSIDE: &str = "INNKEEPER_TEST_LAB";

/// Runs `body` as the test called `name`, in a laboratory of its own.
pub(crate) fn run(name: &str, body: impl FnOnce()) {
    enter(name, !rustix::process::geteuid().is_root(), body);
}

/// As [`run`], in a user namespace even as root: what an ordinary user can do.
pub(crate) fn run_as_ordinary_user(name: &str, body: impl FnOnce()) {
    enter(name, true, body);
}

/// An `async` body, on a runtime of its own.
pub(crate) fn run_async(name: &str, body: impl AsyncFnOnce()) {
    run(name, || block_on(body()));
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Runs `ip` with these words; panics with its complaint.
pub(crate) fn ip(words: &str) -> String {
    checked("ip", words)
}

/// Runs `ip` inside a namespace.
pub(crate) fn ip_in(namespace: &str, words: &str) -> String {
    checked("ip", &format!("-n {namespace} {words}"))
}

/// Runs a shell command inside a namespace; panics with its complaint.
pub(crate) fn shell_in(namespace: &str, command: &str) -> String {
    let mut words = vec!["netns", "exec", namespace, "sh", "-ec", command];
    let output = Command::new("ip").args(&mut words).output().unwrap();
    succeeded(&format!("{namespace}: {command}"), &output)
}

/// Whether `ip` with these words succeeds.
pub(crate) fn ip_succeeds(words: &str) -> bool {
    Command::new("ip").args(words.split_whitespace()).output().unwrap().status.success()
}

/// Calls `work` on a thread inside a namespace.
pub(crate) fn inside<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let file = File::open(Path::new(NETNS_DIR).join(namespace)).unwrap();
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        });
        inside.join().unwrap()
    })
}

/// Waits until `condition` holds, `patience` at most; says how long it took.
pub(crate) fn wait_for(
    what: &str,
    patience: Duration,
    mut condition: impl FnMut() -> bool,
) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience, "waited {patience:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

fn enter(name: &str, user_namespace: bool, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut command = Command::new("timeout");
    command.args([TEST_SECONDS_MAX, "unshare"]);
    if user_namespace {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--net", "--mount", "--propagation", "private", "sh", "-ec"])
        .arg("mount -t tmpfs tmpfs /run; ip link set lo up; exec \"$@\"")
        .arg("lab")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1");
    let output = command.output().expect("timeout and unshare are installed (util-linux)");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{name} failed in its laboratory:\n{said}");
    assert!(said.contains("1 passed"), "no test is called {name}:\n{said}");
    println!("{said}");
}

fn checked(program: &str, words: &str) -> String {
    let output = Command::new(program).args(words.split_whitespace()).output().unwrap();
    succeeded(&format!("{program} {words}"), &output)
}

fn succeeded(what: &str, output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
