//! Other people's programs. A test that needs one fails without it: skipping would prove nothing.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs a program that must succeed; answers what it wrote.
#[track_caller]
pub(crate) fn run<Argument: AsRef<OsStr>>(program: &str, arguments: &[Argument]) -> Vec<u8> {
    let output = output(program, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed with {}: {told}", output.status);
    output.stdout
}

/// Runs a program; answers all that it wrote.
#[track_caller]
pub(crate) fn output<Argument: AsRef<OsStr>>(program: &str, arguments: &[Argument]) -> Output {
    Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").output().unwrap_or_else(
        |error| panic!("this test needs the program `{program}` ({error}): run `./x setup`"),
    )
}

/// Every file below a directory.
pub(crate) fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    // Others extract directories without the permission to write, which temporary ones need.
    run("chmod", &[OsStr::new("-R"), OsStr::new("u+rwX"), root.as_os_str()]);
    let mut files = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(relative, fs::read(&path).unwrap());
            }
        }
    }
    files
}
