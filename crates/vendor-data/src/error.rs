//! What can go wrong.

use std::{path::PathBuf, sync::Arc};

use innkeeper_wire::tls::TlsError;

/// Why there is no vendor data.
#[derive(Debug, thiserror::Error)]
pub enum VendorDataError {
    /// The static file is of no use.
    #[error("could not use the vendor data file {path}: {reason}; {remedy}")]
    StaticFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What the operator can do.
        remedy: &'static str,
    },
    /// TLS towards the services cannot be set up.
    #[error("could not set up TLS for the vendor data services: {0}")]
    Tls(#[from] TlsError),
    /// A service failed, and failures are fatal.
    #[error(
        "the vendor data service \"{target}\" failed: {reason}; repair it, or stop declaring its \
         failures fatal"
    )]
    Target {
        /// The target's name.
        target: String,
        /// What happened.
        reason: Arc<str>,
    },
}
