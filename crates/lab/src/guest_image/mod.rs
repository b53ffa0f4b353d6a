//! Machines to boot, made of Debian's packages and kept.
//!
//! What is kept is named by a hash of what it was made of: versions of packages and our own files.
//! A change of either makes a new one; nothing is ever changed in place.

mod apt;
mod cache;
mod catalogue;
mod cpio;
mod debian;
mod initramfs;
mod kernel;
mod tiny;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::LabError;

use cache::Cache;
use catalogue::Catalogue;

pub use debian::DebianGuest;
pub use tiny::{Brought, TinyGuest};

/// Says where guests are kept, for all who build here. It does not begin with `INNKEEPER_`: the
/// program refuses variables of its own that it does not know.
const DIRECTORY_VARIABLE: &str = "LAB_GUESTS";
/// Where they are kept otherwise, in the workspace.
const DIRECTORY: &str = "target/guests";

/// Makes guests, or finds those that were made.
///
/// Any number of processes may do so at once: what two of them want is made by one.
#[derive(Debug)]
pub struct GuestImages {
    cache: Cache,
}

impl GuestImages {
    /// Those in `LAB_GUESTS`, or else in the workspace's `target/guests`.
    pub fn kept() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let directory = env::var_os(DIRECTORY_VARIABLE)
            .map_or_else(|| workspace.join(DIRECTORY), PathBuf::from);
        Self::kept_in(&directory)
    }

    /// Those in `directory`, which is made when there is something to keep.
    pub fn kept_in(directory: &Path) -> Self {
        Self { cache: Cache::new(directory) }
    }

    /// A kernel, busybox and what a test brings: boots in three seconds.
    pub fn tiny(&self) -> Result<TinyGuest, LabError> {
        tiny::guest(&self.cache, &Catalogue::current(&self.cache)?)
    }

    /// Debian with cloud-init as distributed: boots in half a minute.
    pub fn debian(&self) -> Result<DebianGuest, LabError> {
        debian::guest(&self.cache, &Catalogue::current(&self.cache)?)
    }
}

fn file(doing: &'static str, path: &Path, source: io::Error) -> LabError {
    LabError::File { doing, path: path.to_owned(), source }
}

fn make(path: &Path) -> Result<(), LabError> {
    fs::create_dir_all(path).map_err(|source| file("make", path, source))
}

fn read(path: &Path) -> Result<Vec<u8>, LabError> {
    fs::read(path).map_err(|source| file("read", path, source))
}

fn write(path: &Path, content: &[u8]) -> Result<(), LabError> {
    fs::write(path, content).map_err(|source| file("write", path, source))
}

fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::copy(from, to).map(|_| ()).map_err(|source| file("copy", from, source))
}

fn remove(path: &Path) -> Result<(), LabError> {
    fs::remove_dir_all(path).map_err(|source| file("remove", path, source))
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, LabError> {
    let entries = fs::read_dir(directory).map_err(|source| file("list", directory, source))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(|source| file("list", directory, source))
}
