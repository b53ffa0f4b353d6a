use std::path::PathBuf;

use innkeeper_model::Invalid;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing that was named does not exist.
    #[error("there is no {kind} {id}")]
    NotFound {
        /// What it would be, for example `network` or `key pair`.
        kind: &'static str,
        /// How it was named.
        id: String,
    },
    /// Each value is good, but not beside what is there already.
    #[error("{field}: {reason}")]
    Conflict {
        /// The field as the operator wrote it.
        field: String,
        /// What stands in the way and what to do.
        reason: String,
    },
    /// It cannot be deleted because something uses it.
    #[error("{kind} {id} is in use by {by}: delete or detach that first")]
    InUse {
        /// What it is.
        kind: &'static str,
        /// Its id.
        id: String,
        /// Who uses it, for example `port 04f10770-…`.
        by: String,
    },
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The database cannot be read or written just now; the same call may work later.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What stands in the way and what to do.
        reason: String,
    },
    /// The database holds something that this program would not have written.
    #[error("the store is damaged: {reason}; restore it from a backup")]
    Corrupt {
        /// What was found.
        reason: String,
    },
    /// The store could not be opened.
    #[error("cannot open the store {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What stands in the way and what to do.
        reason: String,
    },
    /// A fault of this program.
    #[error("internal error in the store: {reason}; please report it")]
    Internal {
        /// What went wrong.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may work a moment later: the database is locked, full or unreachable.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn conflict(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Conflict { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn not_found(kind: &'static str, id: &(impl ToString + ?Sized)) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    pub(crate) fn in_use(
        kind: &'static str,
        id: &(impl ToString + ?Sized),
        by: impl Into<String>,
    ) -> Self {
        Self::InUse { kind, id: id.to_string(), by: by.into() }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    pub(crate) fn internal(reason: impl Into<String>) -> Self {
        Self::Internal { reason: reason.into() }
    }
}
