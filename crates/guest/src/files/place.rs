//! A file that is there or could be: a directory that was opened, and a name in it.

use std::{
    fs::File,
    io::Read as _,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat},
    io::Errno,
};

use super::FileError;

/// Where a file is or will be. Its directory cannot be exchanged any more.
#[derive(Debug)]
pub(crate) struct Place {
    directory: OwnedFd,
    name: String,
    path: String,
}

/// What is at a place.
#[derive(Debug)]
pub(crate) enum Existing {
    /// Nothing.
    Nothing,
    /// A file.
    File(Box<Stat>),
    /// Something that is no file, in words.
    Other(&'static str),
}

impl Place {
    pub(crate) const fn new(directory: OwnedFd, name: String, path: String) -> Self {
        Self { directory, name, path }
    }

    /// The path it was looked up by.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// What is there now; a symbolic link is not followed.
    pub(crate) fn existing(&self) -> Result<Existing, FileError> {
        let stat = match statat(&self.directory, &*self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Existing::Nothing),
            Err(error) => return Err(FileError::system("look at", &self.path, error)),
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Existing::File(Box::new(stat)),
            FileType::Directory => Existing::Other("a directory"),
            FileType::Symlink => Existing::Other("a symbolic link"),
            FileType::BlockDevice | FileType::CharacterDevice => Existing::Other("a device"),
            FileType::Fifo => Existing::Other("a FIFO"),
            FileType::Socket => Existing::Other("a socket"),
            _ => Existing::Other("no file"),
        })
    }

    /// What is there, unless it is something that no file may replace.
    pub(crate) fn replaceable(&self) -> Result<Option<Box<Stat>>, FileError> {
        match self.existing()? {
            Existing::Nothing => Ok(None),
            Existing::File(stat) => Ok(Some(stat)),
            Existing::Other(what) => {
                let reason = format!(
                    "is {what}, which is not replaced by a file: take it out of the image, or \
                     give another path"
                );
                Err(FileError::refused(&self.path, reason))
            }
        }
    }

    /// The file's bytes and what it is; `None` if nothing is there.
    pub(crate) fn read(&self, bytes_max: u64) -> Result<Option<(Vec<u8>, Stat)>, FileError> {
        let failed = |e: Errno| FileError::system("read", &self.path, e);
        // NONBLOCK: a FIFO that somebody placed there must not keep us waiting.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.directory, &*self.name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => {
                return Err(FileError::refused(&self.path, "is a symbolic link: not followed"));
            }
            Err(error) => return Err(failed(error)),
        };
        let stat = fstat(&file).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FileError::refused(&self.path, "is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(bytes_max + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| FileError::system("read", &self.path, e))?;
        if bytes.len() as u64 > bytes_max {
            let reason = format!("has more than the {bytes_max} bytes that are read of it");
            return Err(FileError::refused(&self.path, reason));
        }
        Ok(Some((bytes, stat)))
    }

    /// Takes the file away.
    pub(crate) fn remove(&self) -> Result<(), FileError> {
        unlinkat(&self.directory, &*self.name, AtFlags::empty())
            .map_err(|e| FileError::system("remove", &self.path, e))
    }

    /// Opens it for adding at its end, making it with mode 0600 if it is not there.
    pub(crate) fn append(&self) -> Result<File, FileError> {
        let flags = OFlags::WRONLY
            | OFlags::CREATE
            | OFlags::APPEND
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC;
        openat(&self.directory, &*self.name, flags, Mode::from_raw_mode(0o600))
            .map(File::from)
            .map_err(|e| FileError::system("open", &self.path, e))
    }
}
