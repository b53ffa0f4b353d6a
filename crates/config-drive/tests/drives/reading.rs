//! What is on a drive, by whoever reads it.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use innkeeper_image::{Drive, EntryKind, Source};

/// Contents by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// By our own reader.
pub(crate) fn ours(image: &(impl Source + ?Sized)) -> Files {
    let drive = Drive::open(image).unwrap();
    assert_eq!(drive.label(), "config-2");
    let entries = drive.entries().unwrap();
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    files.map(|file| (file.path.clone(), drive.read(file).unwrap())).collect()
}

/// By the kernel, of a directory to which another program has copied a drive.
pub(crate) fn below(root: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// What a program of another package prints. Fails with its words if it fails, and with the name of
/// its package if it is not there.
pub(crate) fn run(program: &str, package: &str, arguments: &[&str]) -> Vec<u8> {
    let Output { status, stdout, stderr } = Command::new("/usr/bin/env")
        // The file system tools live where an ordinary user's PATH does not look.
        .arg(format!("PATH={}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .args(["LC_ALL=C.UTF-8", "MTOOLSRC=/dev/null", program])
        .args(arguments)
        .output()
        .unwrap();
    assert_ne!(status.code(), Some(127), "this test needs {program}: install {package}");
    let said = String::from_utf8_lossy(&stderr);
    let printed = String::from_utf8_lossy(&stdout);
    assert!(status.success(), "{program} {arguments:?}: {status}\n{said}\n{printed}");
    stdout
}

/// Compares two drives file by file.
pub(crate) fn assert_same(name: &str, reader: &str, read: &Files, expected: &Files) {
    let (read_paths, expected_paths): (Vec<_>, Vec<_>) =
        (read.keys().collect(), expected.keys().collect());
    assert_eq!(read_paths, expected_paths, "{name}: what {reader} finds");
    for (path, contents) in expected {
        assert!(read[path] == *contents, "{name}: {reader} reads {path} differently");
    }
}
