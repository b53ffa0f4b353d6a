use std::{io, path::PathBuf};

use innkeeper_lab::LabError;

/// Why recordings cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// A file or directory cannot be used.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is no recording.
    #[error(
        "{} is not a recording: {source}; tests/conformance/README.md describes the format",
        path.display()
    )]
    NotARecording {
        /// Which.
        path: PathBuf,
        /// Where it stops being one.
        source: serde_json::Error,
    },
    /// A directory without recordings.
    #[error(
        "{} holds no recordings: name a directory with folders that hold input.json and \
         responses.json",
        .0.display()
    )]
    NoRecordings(PathBuf),
    /// A line of the deviations file that cannot be read.
    #[error(
        "{}, line {line}: {problem}; a line reads: CASE CONFIG METHOD PATH NOVA-STATUS -> \
         OUR-STATUS # reason",
        path.display()
    )]
    Deviation {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The program does not serve.
    #[error("innkeeper api did not start for configuration {configuration}: {message}")]
    NotServing {
        /// The recordings' name of it.
        configuration: String,
        /// What it said.
        message: String,
    },
    /// A program or the network did not do as asked.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl ConformanceError {
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
