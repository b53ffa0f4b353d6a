//! The kernel's list of block devices.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Kinds of device that never hold a config drive and are many, or slow to ask.
const NOT_DRIVES: &[&str] = &["ram", "zram", "fd"];

/// Sectors of the smallest device that is read. Partition tables list extended partitions as
/// devices of two.
const SECTORS_MIN: u64 = 16;

/// The block devices of a machine.
#[derive(Debug, Clone)]
pub(crate) struct BlockDevices {
    sys: PathBuf,
    dev: PathBuf,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockDevice {
    /// Where it is opened.
    pub(crate) path: PathBuf,
    /// Its size in sectors, which changes with its medium.
    pub(crate) sectors: u64,
}

impl BlockDevices {
    /// Those of this machine.
    pub(crate) fn of_this_machine() -> Self {
        Self::at(Path::new("/sys/class/block"), Path::new("/dev"))
    }

    /// Those that are listed in `sys` and opened in `dev`.
    pub(crate) fn at(sys: &Path, dev: &Path) -> Self {
        Self { sys: sys.to_owned(), dev: dev.to_owned() }
    }

    /// Those that may hold a config drive now, partitions too, by name.
    pub(crate) fn list(&self) -> Vec<BlockDevice> {
        let Ok(listed) = fs::read_dir(&self.sys) else { return Vec::new() };
        let mut devices: Vec<BlockDevice> = listed
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| self.device(&name))
            .collect();
        devices.sort();
        devices
    }

    fn device(&self, name: &str) -> Option<BlockDevice> {
        let about = self.sys.join(name);
        let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_unused_loop = kind == "loop" && !about.join("loop/backing_file").exists();
        if NOT_DRIVES.contains(&kind) || is_unused_loop {
            return None;
        }
        let size = fs::read_to_string(about.join("size")).ok()?;
        let sectors = size.trim().parse().ok().filter(|sectors| *sectors >= SECTORS_MIN)?;
        // The kernel writes an exclamation mark for the slash of names like cciss/c0d0.
        Some(BlockDevice { path: self.dev.join(name.replace('!', "/")), sectors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_can_hold_a_drive_are_listed() {
        let directory = tempfile::tempdir().unwrap();
        let sys = directory.path();
        for (name, size) in [
            ("vdb", "256\n"),
            ("sr0", "100\n"),
            ("sr1", "0\n"),
            ("vda2", "2\n"),
            ("ram0", "16\n"),
            ("zram0", "16\n"),
            ("fd0", "16\n"),
            ("loop0", "16\n"),
            ("loop1", "16\n"),
            ("loop1p1", "16\n"),
            ("nvme0n1p1", "16\n"),
            ("cciss!c0d0", "16\n"),
            ("odd", "many\n"),
        ] {
            fs::create_dir(sys.join(name)).unwrap();
            fs::write(sys.join(name).join("size"), size).unwrap();
        }
        fs::create_dir(sys.join("loop1/loop")).unwrap();
        fs::write(sys.join("loop1/loop/backing_file"), "/x\n").unwrap();
        let listed = BlockDevices::at(sys, Path::new("/dev")).list();
        let names: Vec<_> = listed.iter().map(|device| device.path.to_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "/dev/cciss/c0d0",
                "/dev/loop1",
                "/dev/loop1p1",
                "/dev/nvme0n1p1",
                "/dev/sr0",
                "/dev/vdb"
            ]
        );
    }
}
