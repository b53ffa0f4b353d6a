//! Why a step failed.

use crate::{account::AccountError, files::FileError, network::NetworkError};

/// A step was not done, or not all of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// What was asked for is wrong.
    #[error("{0}")]
    Refused(String),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A user.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Several of these.
    #[error("{}", joined(.0))]
    Several(Vec<Self>),
}

impl StepError {
    /// Nothing if nothing failed.
    pub(crate) fn of_all(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }
}

fn joined(errors: &[StepError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
