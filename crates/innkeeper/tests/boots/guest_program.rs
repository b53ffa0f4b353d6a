//! `innkeeper-guest` as image builders get it: one static file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use innkeeper_lab::Brought;

/// The only machines that the lab emulates.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The program at its place in a guest. It is built when it is first asked for.
pub(crate) fn guest_program() -> Brought {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(build);
    let content = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Brought::program("usr/sbin/innkeeper-guest", content)
}

/// In a target directory of its own: with other flags, cargo would else build everything anew each
/// time that it is asked for the one or the other.
fn build() -> PathBuf {
    let target = target_directory().join("guest-build");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--package", "innkeeper-guest", "--profile", "guest", "--target", TARGET])
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap_or_else(|error| panic!("cargo: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the guest's program cannot be built:\n{said}");
    target.join(TARGET).join("guest/innkeeper-guest")
}

/// Where this build puts its files: two above the program under test.
fn target_directory() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_innkeeper"));
    let directory = program.ancestors().nth(2);
    directory.expect("cargo puts programs into the profile's directory").to_owned()
}
