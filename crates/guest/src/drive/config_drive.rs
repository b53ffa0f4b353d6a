//! One drive with the right label.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use innkeeper_image::{Drive, Entry, EntryKind, ReadError};
use rustix::io::Errno;

use crate::source::{Source, SourceError};

/// The label by which a config drive is known, in any case of letters.
const LABEL: &str = "config-2";

/// Bytes of one file on the drive; as much as is taken from the service.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A config drive that was opened.
#[derive(Debug)]
pub(crate) struct ConfigDrive {
    device: String,
    drive: Drive<File>,
    entries: Vec<Entry>,
}

/// A device is no config drive that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriveError {
    /// It cannot be opened.
    #[error("could not open {device}: {source}")]
    Open {
        /// The device.
        device: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It has no label that could be read.
    #[error("could not read what {device} is: {source}")]
    Unlabelled {
        /// The device.
        device: String,
        /// Why not.
        source: ReadError,
    },
    /// It has the label, and something of it cannot be read.
    #[error("could not read {what} on the config drive {device}: {source}")]
    Read {
        /// The device.
        device: String,
        /// What was being read.
        what: String,
        /// Why not.
        source: ReadError,
    },
    /// It is something else.
    #[error("{device} has the label \"{label}\", not \"{LABEL}\": it is no config drive")]
    Label {
        /// The device.
        device: String,
        /// Its label.
        label: String,
    },
    /// It is a config drive of another kind, or an empty one.
    #[error("{device} has the label of a config drive, but there is no directory openstack on it")]
    Empty {
        /// The device.
        device: String,
    },
    /// What is there is not a file.
    #[error("{path} on {device} is {what}, which is not read from a drive")]
    NotAFile {
        /// The device.
        device: String,
        /// The path.
        path: String,
        /// What it is, in words.
        what: &'static str,
    },
    /// What is there is too large.
    #[error("{path} on {device} has {len} bytes, more than the {FILE_BYTES_MAX} that are read")]
    TooLarge {
        /// The device.
        device: String,
        /// The path.
        path: String,
        /// Its length.
        len: u64,
    },
}

impl DriveError {
    /// Whether the device is plainly something else, which is true of most.
    pub(crate) const fn is_another_kind(&self) -> bool {
        matches!(self, Self::Label { .. } | Self::Unlabelled { source: ReadError::Unknown, .. })
    }

    /// Whether it is a reader without a disc, which is no news.
    pub(crate) fn is_empty_reader(&self) -> bool {
        let Self::Open { source, .. } = self else { return false };
        Errno::from_io_error(source) == Some(Errno::NOMEDIUM)
    }

    /// Whether the device says that it is a config drive.
    pub(crate) const fn has_label(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Empty { .. })
    }

    /// Whether the device may be a config drive in a moment: there is no disc in it yet.
    pub(crate) const fn may_pass(&self) -> bool {
        let (Self::Read { source, .. } | Self::Unlabelled { source, .. }) = self else {
            return matches!(self, Self::Open { .. });
        };
        matches!(source, ReadError::Io { .. })
    }
}

impl ConfigDrive {
    /// Opens `device`, a block device or an image in a file.
    pub(crate) fn open(device: &Path) -> Result<Self, DriveError> {
        let name = device.display().to_string().escape_debug().to_string();
        let file = File::open(device)
            .map_err(|source| DriveError::Open { device: name.clone(), source })?;
        let claims_label = claims_label(&file);
        let drive = Drive::open(file).map_err(|source| {
            let device = name.clone();
            if claims_label {
                DriveError::Read { device, what: "the file system".to_owned(), source }
            } else {
                DriveError::Unlabelled { device, source }
            }
        })?;
        if !drive.label().trim().eq_ignore_ascii_case(LABEL) {
            let label = drive.label().escape_debug().to_string();
            return Err(DriveError::Label { device: name, label });
        }
        let entries = drive.entries().map_err(|source| {
            let what = "the directories".to_owned();
            DriveError::Read { device: name.clone(), what, source }
        })?;
        let is_tree = |e: &Entry| e.path == "openstack" && e.kind == EntryKind::Directory;
        if !entries.iter().any(is_tree) {
            return Err(DriveError::Empty { device: name });
        }
        Ok(Self { device: name, drive, entries })
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, DriveError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.path == path) else {
            return Ok(None);
        };
        let (device, path) = (self.device.clone(), path.to_owned());
        let what = match entry.kind {
            EntryKind::File if entry.len > FILE_BYTES_MAX => {
                return Err(DriveError::TooLarge { device, path, len: entry.len });
            }
            EntryKind::File => {
                return match self.drive.read(entry) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(source) => Err(DriveError::Read { device, what: path, source }),
                };
            }
            EntryKind::Directory => "a directory",
            EntryKind::Symlink => "a symbolic link",
            EntryKind::Special => "a device or a pipe",
        };
        Err(DriveError::NotAFile { device, path, what })
    }
}

/// Whether a device that may be damaged says in one of the usual places that it is a config drive:
/// the first volume descriptor of ISO 9660, the boot sectors of FAT.
fn claims_label(file: &File) -> bool {
    [(16 * 2048 + 40, 32), (43, 11), (71, 11)].into_iter().any(|(offset, len)| {
        let mut bytes = vec![0; len];
        let is_read = file.read_exact_at(&mut bytes, offset).is_ok();
        is_read && bytes.trim_ascii_end().eq_ignore_ascii_case(LABEL.as_bytes())
    })
}

impl Source for ConfigDrive {
    fn describe(&self) -> String {
        let (file_system, container) = (self.drive.file_system(), self.drive.container());
        format!("the config drive {} ({file_system:?}, {container:?})", self.device)
    }

    fn versions(&self) -> Vec<String> {
        let directories = self.entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
        directories
            .filter_map(|entry| entry.path.strip_prefix("openstack/"))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.file(path)?)
    }
}
