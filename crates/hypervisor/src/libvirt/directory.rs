//! The directory of a machine's files.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use innkeeper_config_drive::Image;
use innkeeper_model::InstanceId;
use sha2::{Digest as _, Sha256};

use crate::{HypervisorError, error::advice_on};

/// Everybody may pass, since QEMU runs as another user; nobody else sees what is in there.
const DIRECTORY_MODE: u32 = 0o711;

/// Passwords may be on a drive. libvirt gives the file to QEMU's user while the machine runs.
const DRIVE_MODE: u32 = 0o600;

/// `<instances_path>/<instance id>`, as Nova has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceDirectory {
    path: PathBuf,
}

impl InstanceDirectory {
    /// The directory of `id` below `instances_path`, which must be absolute: libvirt has another
    /// working directory.
    pub fn new(instances_path: &Path, id: InstanceId) -> Self {
        Self { path: instances_path.join(id.to_string()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root disk.
    pub fn root_disk(&self) -> PathBuf {
        self.path.join("disk")
    }

    /// The config drive.
    pub fn config_drive(&self) -> PathBuf {
        self.path.join("disk.config")
    }

    /// What the guest wrote to its serial console.
    pub fn console_log(&self) -> PathBuf {
        self.path.join("console.log")
    }

    /// Makes it and what is above it, and lets QEMU's user pass.
    pub fn make(&self) -> Result<(), HypervisorError> {
        let failed = |source| file("make the directory", &self.path, source);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(&self.path)
            .map_err(failed)?;
        // It may have been made for the drive alone, by somebody who has no QEMU.
        let mode = fs::metadata(&self.path).map_err(failed)?.permissions().mode();
        if mode & 0o011 != 0o011 {
            let mode = fs::Permissions::from_mode(mode | 0o011);
            fs::set_permissions(&self.path, mode).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether the config drive is there already, all of it.
    pub fn has_config_drive(&self, size: u64, sha256: &str) -> Result<bool, HypervisorError> {
        let path = self.config_drive();
        let failed = |source| file("read", &path, source);
        let mut drive = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(failed)?,
        };
        if drive.metadata().map_err(failed)?.len() != size {
            return Ok(false);
        }
        let mut hash = Hash(Sha256::new());
        io::copy(&mut drive, &mut hash).map_err(failed)?;
        Ok(hash.hex() == sha256.to_ascii_lowercase())
    }

    /// Puts the config drive there in place of what was there. A machine that runs keeps the old
    /// one until it is told of the new one.
    pub fn put_config_drive(&self, image: &Image) -> Result<(), HypervisorError> {
        let path = self.config_drive();
        let failed = |source| file("write", &path, source);
        let unfinished = tempfile::Builder::new()
            .prefix(".disk.config.")
            .make_in(&self.path, |path| {
                File::options().write(true).create_new(true).mode(DRIVE_MODE).open(path)
            })
            .map_err(failed)?;
        image.write_sparse(unfinished.as_file()).map_err(failed)?;
        unfinished.as_file().sync_all().map_err(failed)?;
        unfinished.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// SHA-256 as hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hash = Hash(Sha256::new());
    hash.0.update(bytes);
    hash.hex()
}

struct Hash(Sha256);

impl Hash {
    fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn file(doing: &'static str, path: &Path, source: io::Error) -> HypervisorError {
    let advice = advice_on(&source);
    HypervisorError::File { doing, path: path.to_owned(), source, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_is_put_there_whole_and_found_again() {
        let instances = tempfile::tempdir().expect("a directory");
        let directory =
            InstanceDirectory::new(&instances.path().join("deep"), InstanceId::random());
        directory.make().expect("made");
        directory.make().expect("made again");
        let image = [vec![0; 10_000], vec![3; 80_001], vec![0; 10_000]].concat();
        let (size, hash) = (image.len() as u64, sha256_hex(&image));
        let there = || directory.has_config_drive(size, &hash).expect("readable");
        assert!(!there(), "there is none yet");
        for _ in 0..2 {
            directory.put_config_drive(&Image::from_bytes(image.clone())).expect("written");
            assert!(there());
        }
        let mode =
            fs::metadata(directory.config_drive()).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "passwords may be on it");
        directory.put_config_drive(&Image::from_bytes(vec![4; 100_001])).expect("written");
        assert!(!there(), "same size, other bytes");
        let names = fs::read_dir(directory.path()).expect("a directory");
        assert_eq!(names.count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn qemus_user_may_pass_a_directory_that_was_there() {
        let instances = tempfile::tempdir().expect("a directory");
        let directory = InstanceDirectory::new(instances.path(), InstanceId::random());
        fs::DirBuilder::new().mode(0o700).create(directory.path()).expect("made");
        directory.make().expect("made");
        let mode = fs::metadata(directory.path()).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o711);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = InstanceDirectory::new(Path::new("/proc/nowhere"), InstanceId::random());
        let error = directory.make().expect_err("not in /proc").to_string();
        assert!(error.starts_with("cannot make the directory /proc/nowhere/"), "{error}");
    }
}
