//! The directory of one machine, locked.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use crate::ConfigDriveError;

/// The hypervisor's user has to come through. Nobody else may open it: whoever can, can lock it, and
/// keep everybody from the drive.
const DIRECTORY_MODE: u32 = 0o711;
/// Images have passwords on them. Libvirt gives them to the hypervisor's user when it needs them.
const FILE_MODE: u32 = 0o640;
/// What the name of a file has behind it until the file is complete.
const UNFINISHED: &str = ".new";

/// A directory that nobody changes meanwhile: it is locked, for reading or for writing, until this
/// is dropped. The lock is the directory's own, so that other processes heed it too.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    directory: File,
}

/// A file that is complete but not yet at its place. Removed when dropped before.
#[derive(Debug)]
pub(super) struct Unplaced {
    unfinished: PathBuf,
    path: PathBuf,
    is_placed: bool,
}

#[derive(Clone, Copy)]
enum Lock {
    Shared,
    Exclusive,
}

impl Place {
    /// Locks the directory to be written, and makes it first if it is not there.
    pub(super) fn make(path: &Path) -> Result<Self, ConfigDriveError> {
        loop {
            let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
            made.map_err(|source| ConfigDriveError::disk("make the directory", path, source))?;
            // Somebody may remove it before it is locked.
            if let Some(place) = Self::claim(path)? {
                return Ok(place);
            }
        }
    }

    /// Locks the directory to be written, if it is there.
    pub(super) fn claim(path: &Path) -> Result<Option<Self>, ConfigDriveError> {
        Self::lock(path, Lock::Exclusive)
    }

    /// Locks the directory to be read, if it is there.
    pub(super) fn find(path: &Path) -> Result<Option<Self>, ConfigDriveError> {
        Self::lock(path, Lock::Shared)
    }

    /// Writes a file to the disk, in full, to be put at its place when all is written.
    pub(super) fn write(
        &self,
        name: &str,
        write: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<Unplaced, ConfigDriveError> {
        // What was left behind when a machine lost its power.
        self.remove(&format!("{name}{UNFINISHED}"))?;
        let unplaced = Unplaced {
            unfinished: self.path.join(format!("{name}{UNFINISHED}")),
            path: self.path.join(name),
            is_placed: false,
        };
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&unplaced.unfinished);
        let written = made.and_then(|file| {
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
            write(&file)?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(unplaced),
            Err(source) => Err(ConfigDriveError::disk("write", &unplaced.path, source)),
        }
    }

    /// The contents of a file, if it is there.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ConfigDriveError> {
        let path = self.path.join(name);
        if_there(fs::read(&path)).map_err(|source| ConfigDriveError::disk("read", &path, source))
    }

    /// The size of a plain file, if it is one and there.
    pub(super) fn size_of(&self, name: &str) -> Result<Option<u64>, ConfigDriveError> {
        let path = self.path.join(name);
        let metadata = if_there(fs::symlink_metadata(&path))
            .map_err(|source| ConfigDriveError::disk("look at", &path, source))?;
        Ok(metadata.filter(fs::Metadata::is_file).map(|metadata| metadata.len()))
    }

    /// Removes a file. Whether it was there.
    pub(super) fn remove(&self, name: &str) -> Result<bool, ConfigDriveError> {
        let path = self.path.join(name);
        let removed = if_there(fs::remove_file(&path))
            .map_err(|source| ConfigDriveError::disk("remove", &path, source))?;
        Ok(removed.is_some())
    }

    /// Removes the directory and what was left unfinished in it, unless there is something else.
    pub(super) fn remove_if_empty(self) -> Result<(), ConfigDriveError> {
        for name in [super::IMAGE, super::RECORD] {
            self.remove(&format!("{name}{UNFINISHED}"))?;
        }
        match fs::remove_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            removed => removed.map_err(|source| {
                ConfigDriveError::disk("remove the directory", &self.path, source)
            }),
        }
    }

    /// Has the disk know which names there are.
    pub(super) fn sync(&self) -> Result<(), ConfigDriveError> {
        let synced = self.directory.sync_all();
        synced.map_err(|source| ConfigDriveError::disk("write the directory", &self.path, source))
    }

    /// `None` if it is not there, or not any more once it is locked.
    fn lock(path: &Path, lock: Lock) -> Result<Option<Self>, ConfigDriveError> {
        let locked = (|| {
            let Some(directory) = if_there(File::open(path))? else { return Ok(None) };
            // A file that is called like a machine is nobody's drive.
            if !directory.metadata()?.is_dir() {
                return Ok(None);
            }
            close_to_others(&directory);
            match lock {
                Lock::Shared => directory.lock_shared()?,
                Lock::Exclusive => directory.lock()?,
            }
            let opened = directory.metadata()?;
            let there = if_there(fs::metadata(path))?;
            let is_same =
                |there: fs::Metadata| (there.dev(), there.ino()) == (opened.dev(), opened.ino());
            Ok(there.is_some_and(is_same).then_some(directory))
        })();
        let directory =
            locked.map_err(|source| ConfigDriveError::disk("lock the directory", path, source))?;
        Ok(directory.map(|directory| Self { path: path.to_owned(), directory }))
    }
}

impl Unplaced {
    /// Puts the file at its place, instead of what was there.
    pub(super) fn put_in_place(mut self) -> Result<(), ConfigDriveError> {
        let placed = fs::rename(&self.unfinished, &self.path);
        self.is_placed = placed.is_ok();
        placed.map_err(|source| ConfigDriveError::disk("put in place", &self.path, source))
    }
}

impl Drop for Unplaced {
    fn drop(&mut self) {
        if !self.is_placed {
            // Should this fail too, the next one to write here removes it.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

/// Others than this program make such directories too, for the disk of a machine.
fn close_to_others(directory: &File) {
    let Ok(mode) = directory.metadata().map(|metadata| metadata.mode() & 0o7777) else { return };
    if mode & !DIRECTORY_MODE != 0 {
        // Whoever does not own it has to live with how its owner wants it.
        let _ = directory.set_permissions(Permissions::from_mode(mode & DIRECTORY_MODE));
    }
}

fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
