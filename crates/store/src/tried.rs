//! Errors inside a transaction, where SQL errors are still told apart from refusals.

use std::fmt::Display;

use innkeeper_model::Invalid;
use rusqlite::{ErrorCode, ffi};

use crate::StoreError;

/// The result of a step inside a transaction.
pub(crate) type Tried<T> = Result<T, Fault>;

/// Why a step inside a transaction failed; any of them rolls it back.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The operation is refused.
    Refused(StoreError),
    /// The database said no.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid.into())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Sql(error) => from_sql(&error),
        }
    }
}

impl Fault {
    /// Whether another connection held the lock for too long.
    pub(crate) fn is_lock(&self) -> bool {
        let code = match self {
            Self::Sql(error) => error.sqlite_error_code(),
            Self::Refused(_) => None,
        };
        matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

/// The column that a unique constraint found taken; the last one if there are several.
pub(crate) fn duplicate_column(error: &rusqlite::Error) -> Option<&str> {
    let rusqlite::Error::SqliteFailure(code, Some(message)) = error else { return None };
    let unique = [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
    if !unique.contains(&code.extended_code) {
        return None;
    }
    message.rsplit('.').next()
}

/// Turns "this id or name is taken" into a sentence; other errors stay what they are.
pub(crate) fn or_taken(
    result: rusqlite::Result<usize>,
    kind: &'static str,
    id: impl Display,
    name: &str,
) -> Tried<()> {
    let Err(error) = result else { return Ok(()) };
    match duplicate_column(&error) {
        Some("id") => {
            let reason = format!("a {kind} with the id {id} exists already");
            Err(StoreError::conflict("id", reason).into())
        }
        Some("name") => {
            let reason = format!("a {kind} named \"{name}\" exists already: choose another name");
            Err(StoreError::conflict("name", reason).into())
        }
        _ => Err(error.into()),
    }
}

fn from_sql(error: &rusqlite::Error) -> StoreError {
    if let Some(column) = duplicate_column(error) {
        return StoreError::conflict(column, "this value is taken: choose another");
    }
    let unavailable = |advice: &str| StoreError::unavailable(format!("{error}; {advice}"));
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            unavailable("another process holds its lock")
        }
        Some(ErrorCode::DiskFull) => unavailable("free some disk space"),
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => unavailable("give this user write access to the file and its directory"),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted,
        ) => unavailable("check the disk and the file system under it"),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { reason: error.to_string() }
        }
        None if is_conversion(error) => StoreError::Corrupt { reason: error.to_string() },
        _ => StoreError::internal(error.to_string()),
    }
}

const fn is_conversion(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(code: i32) -> StoreError {
        Fault::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).into()
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_FULL, ffi::SQLITE_IOERR] {
            assert!(sql(code).is_retryable(), "{code}: {}", sql(code));
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_MISUSE] {
            assert!(!sql(code).is_retryable(), "{code}: {}", sql(code));
        }
        assert!(matches!(sql(ffi::SQLITE_CORRUPT), StoreError::Corrupt { .. }));
        assert!(sql(ffi::SQLITE_FULL).to_string().contains("free some disk space"));
    }
}
