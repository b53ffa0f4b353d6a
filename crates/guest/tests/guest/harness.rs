//! Trees that are changed, images that are read, and the program between them.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use bytes::Bytes;
use innkeeper_image::{Format, Tree, Volume, build};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const UUID: &str = "8d0e3fd5-5d51-4f1a-9fae-3ba1c1d3c9f1";
pub(crate) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq4 operator@desk";
pub(crate) const SHADOW: &str = "root:!:19000:0:99999:7:::\nbob:*:19000:0:99999:7:::\n";
pub(crate) const PASSWORD: &str = "correct horse";

/// A machine's files, and a place for images.
pub(crate) struct Machine {
    directory: TempDir,
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let machine = Self { directory: tempfile::tempdir().unwrap() };
        machine.put(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\n",
        );
        machine.put("etc/shadow", SHADOW);
        machine.put("etc/hosts", "127.0.0.1 localhost\n");
        fs::set_permissions(machine.path("etc/shadow"), fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::chown(machine.path("etc/shadow"), Some(0), Some(42)).unwrap();
        for (home, uid, gid) in [("root", 0, 0), ("home/bob", 1000, 1001)] {
            fs::create_dir_all(machine.path(home)).unwrap();
            std::os::unix::fs::chown(machine.path(home), Some(uid), Some(gid)).unwrap();
        }
        machine
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// The place of a path of the machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    pub(crate) fn put(&self, path: &str, contents: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Mode, owner and group of a file.
    pub(crate) fn owned(&self, path: &str) -> (u32, u32, u32) {
        let metadata = fs::symlink_metadata(self.path(path)).unwrap();
        (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
    }

    /// Writes an image of `format` beside the machine's files.
    pub(crate) fn image(&self, tree: &Tree, format: Format, label: &str) -> PathBuf {
        let volume = Volume {
            label: label.to_owned(),
            publisher: "tests".to_owned(),
            time: 1_700_000_000,
            vfat_bytes: 8 * 1024 * 1024,
        };
        let path = self.directory.path().join("disk.config");
        let image = build(tree, format, &volume).unwrap();
        fs::write(&path, image.to_vec()).unwrap();
        path
    }

    /// The drive with these documents, as a CD.
    pub(crate) fn drive(&self, meta_data: &Value, others: &[(&str, &str)]) -> PathBuf {
        self.image(&tree(meta_data, others), Format::Iso9660, "config-2")
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper-guest"));
        command.arg("--root").arg(self.root()).args(args);
        Ended::of(&command.output().unwrap())
    }

    pub(crate) fn run_on(&self, device: &Path, args: &[&str]) -> Ended {
        self.run(&[&["--device", device.to_str().unwrap()], args].concat())
    }

    /// Every file with its contents, but for the log and the lock.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.root(), &mut files);
        files.retain(|(path, _)| !path.ends_with(".log") && !path.ends_with("/lock"));
        files
    }

    pub(crate) fn log(&self) -> String {
        self.read("var/log/innkeeper-guest.log")
    }
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails unless the program ended with `code` and said each of `said`.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, said: &[&str]) {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        for words in said {
            assert!(all.contains(words), "nothing about {words:?} in:\n{all}");
        }
    }
}

/// The newest documents on a drive. `others` are below `openstack`.
pub(crate) fn tree(meta_data: &Value, others: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    let meta_data = meta_data.to_string();
    for version in ["2012-08-10", "2018-08-27", "latest"] {
        let path = format!("openstack/{version}/meta_data.json");
        tree.insert(path, Bytes::from(meta_data.clone())).unwrap();
    }
    for (path, contents) in others {
        let path = match path.strip_prefix("content/") {
            Some(_) => format!("openstack/{path}"),
            None => format!("openstack/2018-08-27/{path}"),
        };
        tree.insert(path, Bytes::from((*contents).to_owned())).unwrap();
    }
    tree
}

/// An instance with all that can be applied from `meta_data.json`.
pub(crate) fn full() -> Value {
    json!({
        "uuid": UUID,
        "hostname": "web1.novalocal",
        "admin_pass": PASSWORD,
        "keys": [{"name": "desk", "type": "ssh", "data": format!("{KEY}\n")}],
        "public_keys": {"desk": format!("{KEY}\n")},
        "files": [{"path": "/etc/motd.d/welcome", "content_path": "/content/0000"}],
    })
}

/// The contents that [`full`] names.
pub(crate) const FILES: &[(&str, &str)] = &[("content/0000", "welcome\n")];

/// An instance with nothing but its name and one file.
pub(crate) fn with_file(path: &str) -> Value {
    json!({
        "uuid": UUID,
        "hostname": "web1",
        "files": [{"path": path, "content_path": "/content/0000"}],
    })
}

fn collect(directory: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.display().to_string();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            collect(&path, files);
        } else if metadata.is_file() {
            files.push((name, fs::read(&path).unwrap()));
        } else {
            files.push((name, Vec::new()));
        }
    }
}
