//! What can go wrong with a drive.

use std::{
    io,
    path::{Path, PathBuf},
};

use innkeeper_documents::DriveError;
use innkeeper_image::{BuildError, Format, TreeError};

/// Why a drive could not be made, kept or read. Never shows what is on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigDriveError {
    /// The machine's record cannot be put on a drive.
    #[error(transparent)]
    Contents(#[from] DriveError),
    /// A file cannot be at its place.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The files make no image.
    #[error("{0}{remedy}", remedy = remedy(.0))]
    Image(#[from] BuildError),
    /// The external program could not be run, or failed.
    #[error(
        "{key} = \"{program}\" made no image: {reason}; correct {key} in [config_drive], or remove \
         it to have the image made without a program"
    )]
    Program {
        /// The key that names the program.
        key: &'static str,
        /// The program.
        program: String,
        /// How it ended, and what it printed on its standard error.
        reason: String,
    },
    /// The place is full.
    #[error(
        "could not {doing} {path}: {source}; free some space there or set instances_path in \
         [config_drive] to a larger disk. Nothing was left half written"
    )]
    Full {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The disk or its permissions stand in the way.
    #[error("could not {doing} {path}: {source}; {remedy}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl ConfigDriveError {
    /// Something with a file that the system refused.
    pub(crate) fn disk(doing: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, StorageFull};
        let path = path.to_owned();
        let remedy = match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => {
                return Self::Full { doing, path, source };
            }
            PermissionDenied => {
                "let the user that runs innkeeper read and write there, or set instances_path in \
                 [config_drive] to another directory"
            }
            _ => "see that the disk is there and in order, then try again",
        };
        Self::Io { doing, path, source, remedy }
    }
}

/// What the operator can do, with what separates it: only VFAT has a size that is configured.
const fn remedy(error: &BuildError) -> &'static str {
    match error {
        BuildError::TooLarge { format: Format::Vfat, .. }
        | BuildError::Size { format: Format::Vfat, .. } => {
            " (vfat_mib in [config_drive] is the size of VFAT drives)"
        }
        _ => "",
    }
}
