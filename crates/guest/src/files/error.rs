//! What goes wrong with files.

use std::io;

use rustix::io::Errno;

/// A file could not be read or written, or will not be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The system says no.
    #[error("{doing} {path}: {source}{advice}", advice = advice(source))]
    System {
        /// What was being done, like `write`.
        doing: &'static str,
        /// To what, escaped.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It could be done, but would do harm.
    #[error("{path} {reason}")]
    Refused {
        /// The path, escaped.
        path: String,
        /// What it is, and what to do.
        reason: String,
    },
}

impl FileError {
    pub(crate) fn system(doing: &'static str, path: &str, source: impl Into<io::Error>) -> Self {
        Self::System { doing, path: path.escape_debug().to_string(), source: source.into() }
    }

    pub(crate) fn refused(path: &str, reason: impl Into<String>) -> Self {
        Self::Refused { path: path.escape_debug().to_string(), reason: reason.into() }
    }

    /// Whether there is nothing at the path.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

fn advice(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => {
            "; nothing was changed there: free some space and run innkeeper-guest again"
        }
        Some(Errno::ROFS) => "; run innkeeper-guest after the file system is mounted for writing",
        Some(Errno::PERM | Errno::ACCESS) => "; run innkeeper-guest as root",
        _ => "",
    }
}
