use std::{io, path::PathBuf};

/// What can go wrong in a lab.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// A program could not be started.
    #[error("run `{program}`: {source}; is it installed?")]
    Spawn {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("`{command}` failed: {message}")]
    Failed {
        /// What was run.
        command: String,
        /// What it said.
        message: String,
    },
    /// A file or socket could not be used.
    #[error("{doing} `{path}`: {source}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Private namespaces are not to be had.
    #[error(
        "cannot make private namespaces: {message}; run as root, or allow user namespaces \
         (sysctl kernel.unprivileged_userns_clone=1)"
    )]
    NoNamespaces {
        /// What the system said.
        message: String,
    },
    /// Only root can have this.
    #[error("{what} needs root: run it again as root")]
    NotRoot {
        /// What was asked for.
        what: &'static str,
    },
    /// An answer that is no HTTP answer.
    #[error("not an HTTP answer: {0}")]
    NotHttp(String),
    /// The network did not do as asked.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something awaited did not come.
    #[error("waited {seconds} s in vain for {what}")]
    Timeout {
        /// For what.
        what: String,
        /// How long.
        seconds: u64,
    },
}
