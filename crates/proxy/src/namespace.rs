//! A namespace as a file.

use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{OFlags, fstatfs};

use crate::ListenError;

/// The file system type of namespace files (linux/magic.h).
const NSFS_MAGIC: u32 = 0x6e73_6673;

/// One namespace of the kernel, whatever its names. Two that are alive at once differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamespaceId {
    device: u64,
    inode: u64,
}

/// A namespace that is served, with the file that it had its name from. No descriptor of it is
/// kept: they are scarcer than listeners.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// Its file.
    pub(crate) path: PathBuf,
    /// What it was when a socket was made in it.
    pub(crate) id: NamespaceId,
}

impl NamespaceId {
    /// The id of what could not be looked at; no file has it.
    pub(crate) const NONE: Self = Self { device: 0, inode: 0 };

    pub(crate) fn of(file: &Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

impl Namespace {
    /// Its file, opened again; fails if the name is another's by now.
    pub(crate) fn reopen(&self) -> io::Result<File> {
        let file = open(&self.path)?;
        if NamespaceId::of(&file.metadata()?) == self.id {
            return Ok(file);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "its name is another namespace's by now"))
    }
}

/// Opens what may be anything without waiting for it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = i32::from_ne_bytes(OFlags::NONBLOCK.bits().to_ne_bytes());
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Refuses a file that no namespace is bound to.
pub(crate) fn check_is_namespace(file: &File) -> Result<(), ListenError> {
    let status = fstatfs(file.as_fd()).map_err(|error| ListenError::Open(error.into()))?;
    match u32::try_from(status.f_type) {
        Ok(NSFS_MAGIC) => Ok(()),
        _ => Err(ListenError::NotANamespace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_anothers_by_now_is_not_opened() {
        let path = PathBuf::from("/proc/self/ns/net");
        let id = |path: &str| NamespaceId::of(&std::fs::metadata(path).unwrap());
        let same = Namespace { path: path.clone(), id: id("/proc/self/ns/net") };
        assert!(same.reopen().is_ok());
        let other = Namespace { path, id: id("/proc/self/ns/uts") };
        assert_eq!(other.reopen().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
