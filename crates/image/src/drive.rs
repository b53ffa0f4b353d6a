//! An image or block device, of whatever origin, read.

use std::{fmt, io};

use crate::{Source, iso9660, vfat, vhd};

/// What was found on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// ISO 9660, read by its Rock Ridge names.
    RockRidge,
    /// ISO 9660, read by its Joliet names.
    Joliet,
    /// ISO 9660 with nothing else: names in small letters, without versions.
    PlainIso9660,
    /// FAT with 12-bit entries.
    Fat12,
    /// FAT with 16-bit entries.
    Fat16,
    /// FAT with 32-bit entries.
    Fat32,
}

/// What is around the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Nothing.
    Raw,
    /// A virtual hard disk whose blocks are all there.
    FixedVhd,
    /// A virtual hard disk whose blocks are there where something was written.
    DynamicVhd,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link. Nothing of ours follows one.
    Symlink,
    /// A device node, a FIFO or a socket.
    Special,
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::Special => "device, pipe or socket",
        })
    }
}

/// Something on a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative, segments separated by slashes.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of a file; 0 otherwise.
    pub len: u64,
    /// Where its bytes are: a byte offset for ISO 9660, the first cluster for FAT.
    pub(crate) place: u64,
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Neither ISO 9660 nor FAT.
    #[error("there is no file system of a config drive: neither ISO 9660 nor FAT")]
    Unknown,
    /// It ends too early.
    #[error("there is nothing at byte {at}, in the middle of {what}: the image is truncated")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where.
        at: u64,
    },
    /// It contradicts itself.
    #[error("it is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// It has more than a config drive has, and more than is read from something hostile.
    #[error("it has {what}, more than the {limit} that a config drive may have")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// Only files have contents.
    #[error("\"{path}\" is a {kind} and not a file that could be read")]
    NotAFile {
        /// The path, escaped.
        path: String,
        /// What it is.
        kind: EntryKind,
    },
    /// The device or file cannot be read.
    #[error("could not read {what} at byte {at}: {source}")]
    Io {
        /// What was being read.
        what: &'static str,
        /// Where.
        at: u64,
        /// What the system says.
        source: io::Error,
    },
}

/// The file system on an image. Each reader has the same functions, and is given the source with
/// each call: it keeps what it learned when it looked, not the image.
#[derive(Debug)]
enum Reader {
    Iso(iso9660::Reader),
    Fat(vfat::Reader),
}

/// A drive that was opened: its label is known, its directories are read when asked for.
#[derive(Debug)]
pub struct Drive<S> {
    source: S,
    container: Container,
    /// Where in `source` the file system's bytes are.
    view: vhd::View,
    reader: Reader,
}

impl<S: Source> Drive<S> {
    /// Finds out what `source` holds. Reads a few sectors and nothing else.
    pub fn open(source: S) -> Result<Self, ReadError> {
        let (container, view) = vhd::unwrap(&source)?;
        let reader = Reader::probe(&view.over(&source))?;
        Ok(Self { source, container, view, reader })
    }

    /// What is around the file system.
    pub const fn container(&self) -> Container {
        self.container
    }

    /// The file system.
    pub const fn file_system(&self) -> FileSystem {
        match &self.reader {
            Reader::Iso(reader) => reader.file_system(),
            Reader::Fat(reader) => reader.file_system(),
        }
    }

    /// Its label, without the spaces behind it.
    pub fn label(&self) -> &str {
        match &self.reader {
            Reader::Iso(reader) => reader.label(),
            Reader::Fat(reader) => reader.label(),
        }
    }

    /// Everything on it but the root, sorted by path.
    pub fn entries(&self) -> Result<Vec<Entry>, ReadError> {
        let source = self.view.over(&self.source);
        let mut entries = match &self.reader {
            Reader::Iso(reader) => reader.entries(&source)?,
            Reader::Fat(reader) => reader.entries(&source)?,
        };
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(entries)
    }

    /// What is at `path`, relative as in [`Entry::path`]; `None` if nothing is.
    pub fn find(&self, path: &str) -> Result<Option<Entry>, ReadError> {
        let source = self.view.over(&self.source);
        match &self.reader {
            Reader::Iso(reader) => reader.find(&source, path),
            Reader::Fat(reader) => reader.find(&source, path),
        }
    }

    /// The contents of a file among [`entries`](Self::entries).
    pub fn read(&self, file: &Entry) -> Result<Vec<u8>, ReadError> {
        if file.kind != EntryKind::File {
            let path = file.path.escape_debug().to_string();
            return Err(ReadError::NotAFile { path, kind: file.kind });
        }
        let source = self.view.over(&self.source);
        match &self.reader {
            Reader::Iso(reader) => reader.read(&source, file),
            Reader::Fat(reader) => reader.read(&source, file),
        }
    }
}

impl Reader {
    /// FAT first: what says so is in the first sector, where no file's contents can be. What says
    /// ISO 9660 is 32 KiB further on, where a small FAT volume has the files of a tenant.
    fn probe(source: &dyn Source) -> Result<Self, ReadError> {
        if let Some(reader) = vfat::Reader::probe(source)? {
            return Ok(Self::Fat(reader));
        }
        iso9660::Reader::probe(source)?.map(Self::Iso).ok_or(ReadError::Unknown)
    }
}

/// Fills `buffer` from `at`, and says what was being read if that fails.
pub(crate) fn read_at(
    source: &dyn Source,
    buffer: &mut [u8],
    at: u64,
    what: &'static str,
) -> Result<(), ReadError> {
    source.read_exact_at(buffer, at).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::Truncated { what, at },
        _ => ReadError::Io { what, at, source: error },
    })
}
