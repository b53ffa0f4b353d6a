//! The programs that judge what is written, and that write what is read.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{collections::BTreeMap, fs::File, path::Path, process::Command};

use bytes::Bytes;
use innkeeper_image::{Drive, EntryKind, Format, Source, Tree, VFAT_BYTES, Volume, build};

/// Files by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A volume of the default size.
pub(crate) fn volume() -> Volume {
    Volume {
        label: "config-2".to_owned(),
        publisher: "Innkeeper".to_owned(),
        time: 1_700_000_000,
        vfat_bytes: VFAT_BYTES,
    }
}

/// Nested, with long names, aliases that collide, empty files and files of whole clusters.
pub(crate) fn files() -> Files {
    let mut files = Files::new();
    for version in ["2012-08-10", "2013-04-04", "latest"] {
        for name in ["meta_data.json", "network_data.json", "user_data"] {
            let contents = format!("{version} {name}\n").repeat(100).into_bytes();
            files.insert(format!("openstack/{version}/{name}"), contents);
        }
    }
    files.insert("openstack/content/0000".to_owned(), vec![0xAB; 4096]);
    files.insert("ec2/latest/meta-data.json".to_owned(), b"{}".to_vec());
    files.insert("ec2/latest/empty".to_owned(), Vec::new());
    files.insert("README.TXT".to_owned(), b"upper".to_vec());
    files.insert("longna~1.txt".to_owned(), b"not an alias".to_vec());
    files.insert("longname of a file.txt".to_owned(), b"one".to_vec());
    files.insert("exactly thirteen/a, b; [c] + d=e".to_owned(), b"odd".to_vec());
    files.insert("Größe 日本".to_owned(), b"not ASCII".to_vec());
    files
}

/// The files as a tree.
pub(crate) fn tree(files: &Files) -> Tree {
    let mut tree = Tree::new();
    for (path, contents) in files {
        tree.insert(path, Bytes::from(contents.clone())).unwrap();
    }
    tree
}

/// Makes an image in a file.
pub(crate) fn image_at(path: &Path, files: &Files, format: Format, volume: &Volume) {
    let image = build(&tree(files), format, volume).unwrap();
    image.write_sparse(&File::create(path).unwrap()).unwrap();
}

/// Every file of a drive, as we read it: all of them, and each by its path.
pub(crate) fn read_back<S: Source>(drive: &Drive<S>) -> Files {
    let mut files = Files::new();
    for entry in drive.entries().unwrap() {
        assert_eq!(drive.find(&entry.path).unwrap().as_ref(), Some(&entry));
        if entry.kind == EntryKind::File {
            files.insert(entry.path.clone(), drive.read(&entry).unwrap());
        }
    }
    files
}

/// What `program` says on its standard output. Fails with its words if it fails, and with the
/// name of its package if it is not there.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let package = match program {
        "fsck.vfat" | "mkfs.vfat" => "dosfstools",
        "mdir" | "mcopy" | "mmd" | "mattrib" => "mtools",
        "blkid" => "util-linux",
        "qemu-img" => "qemu-utils",
        "7z" => "p7zip-full",
        other => other,
    };
    // The file system tools live where an ordinary user's PATH does not look.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new("/usr/bin/env")
        .args([&format!("PATH={path}"), "LC_ALL=C.UTF-8", program])
        .args(arguments)
        .output()
        .expect("env starts programs");
    assert!(
        output.status.code() != Some(127),
        "this test needs {program}: install the package {package}"
    );
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?} failed:\n{out}{err}");
    out.into_owned()
}
