//! Where metadata come from, whichever way.

use crate::{drive::DriveError, service::ServiceError};

/// Something that has the documents of this machine.
pub(crate) trait Source {
    /// What and where it is, in words.
    fn describe(&self) -> String;

    /// The names below `openstack/`.
    fn versions(&self) -> Vec<String>;

    /// A file by its path, like `openstack/latest/meta_data.json`; `None` if there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;

    /// A file that can be done without; `None` as well if it cannot be had soon.
    fn glance(&self, path: &str) -> Option<Vec<u8>> {
        self.read(path).ok().flatten()
    }
}

/// A source has something that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// On a drive.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// From the service.
    #[error(transparent)]
    Service(#[from] ServiceError),
}
