//! An operator with one instance, and the drives that are built for it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use innkeeper_lab::Bus;
use sha2::{Digest as _, Sha256};

use crate::installation::{Installation, Running};

/// The public key of the instance's key pair.
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1cMwQYBSoUdaOfNKYz3CQlMZXkNz6dPB0VuQzEVyG3 me@here";

/// The password of its administrator.
pub(crate) const PASSWORD: &str = "correct horse, battery";

/// What is in the file that is put into it, at `/srv/injected`.
pub(crate) const INJECTED: &str = "put here by the operator\n";

/// The address that it is given.
pub(crate) const ADDRESS: &str = "10.0.0.77";

/// What it runs once.
pub(crate) const USER_DATA: &str = "#!/bin/sh\necho \"ran on $(hostname)\" >>/srv/user-data-ran\n";

/// A kind of drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ISO 9660 in a CD drive.
    Iso9660,
    /// VFAT on a virtio disk.
    Vfat,
    /// A fixed VHD on an IDE disk.
    Vhd,
}

impl Kind {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Iso9660 => "iso9660",
            Self::Vfat => "vfat",
            Self::Vhd => "vhd",
        }
    }

    /// The file system that a kernel finds on it.
    pub(crate) fn file_system(self) -> &'static str {
        match self {
            Self::Vfat => "vfat",
            Self::Iso9660 | Self::Vhd => "iso9660",
        }
    }

    /// What QEMU calls the image's format, and where it is plugged in.
    pub(crate) fn plug(self) -> (&'static str, Bus) {
        match self {
            Self::Iso9660 => ("raw", Bus::Cdrom),
            Self::Vfat => ("raw", Bus::Virtio),
            Self::Vhd => ("vpc", Bus::Ide),
        }
    }
}

/// An installation with the control API and the instance `web1`.
pub(crate) struct Operator {
    here: Installation,
    _api: Running,
    /// The MAC address of the instance's port.
    pub(crate) mac: String,
}

impl Operator {
    /// One with everything that a drive can carry.
    pub(crate) fn new() -> Self {
        let here = Installation::new();
        let api = here.start("api", &["--api-listen", "127.0.0.1:0"]);
        let file = |name: &str, text: &str| {
            fs::write(here.path(name), text).expect("a file is written");
            here.path(name).display().to_string()
        };
        let key = file("key.pub", KEY);
        let user_data = file("user-data", USER_DATA);
        let injected = file("injected", INJECTED);
        let password = file("password", PASSWORD);
        here.done(&format!("keypair create mykey --public-key {key}"));
        here.done("flavor create m1.tiny --vcpus 1 --ram 256 --disk 1");
        here.done("network create blue --mtu 1450");
        here.done(
            "subnet create blue --network blue --cidr 10.0.0.0/24 --no-dhcp --dns-nameserver \
             192.0.2.53",
        );
        here.done(&format!(
            "port create web1 --network blue --fixed-ip subnet=blue,ip-address={ADDRESS}"
        ));
        here.done(&format!(
            "instance create web1 --flavor m1.tiny --port web1 --key-name mykey --user-data \
             {user_data} --file /srv/injected={injected} --admin-password-file {password} \
             --config-drive true"
        ));
        let mac = here.json("port show web1")["mac_address"].as_str().expect("a MAC").to_owned();
        Self { here, _api: api, mac }
    }

    /// Builds the instance's drive.
    pub(crate) fn build(&self, kind: Kind) -> PathBuf {
        let file = self.here.path(&format!("web1.{}", kind.name()));
        let format = kind.name();
        let words = format!("config-drive build --instance web1 --format {format} -o");
        self.here.done(&format!("{words} {}", file.display()));
        file
    }

    /// The SHA-256 of each file on a drive, as `innkeeper config-drive inspect` reads it.
    pub(crate) fn hashes(&self, drive: &Path) -> BTreeMap<String, String> {
        let listed = self.here.json(&format!("config-drive inspect {}", drive.display()));
        let entries = listed["entries"].as_array().expect("entries").iter();
        let files = entries.filter(|entry| entry["kind"] == "file");
        files
            .map(|entry| {
                let path = entry["path"].as_str().expect("a path");
                (path.to_owned(), sha256(&self.inspect(drive, path)))
            })
            .collect()
    }

    /// Where the installation is; tests may put their own files there.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.here.path(name)
    }

    fn inspect(&self, drive: &Path, path: &str) -> Vec<u8> {
        let mut command: Command = self.here.command(&["config-drive", "inspect"]);
        let output = command.arg(drive).arg(path).output().expect("the program runs");
        assert!(output.status.success(), "inspect {path}: {output:?}");
        output.stdout
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
