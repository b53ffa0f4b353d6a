//! How a connection is opened and set up.

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    StoreError,
    tried::{Fault, Tried},
};

/// How long one attempt waits for another connection's lock. With [`ATTEMPTS_FOR`] it ends well
/// before the 7 s that the API holds a guest's request, so that the API learns why.
const LOCK_WAIT: Duration = Duration::from_secs(3);
/// How long attempts that fail at once are repeated; less than [`LOCK_WAIT`], so that one that
/// waited is not.
const ATTEMPTS_FOR: Duration = Duration::from_secs(2);
/// How long to wait between attempts where SQLite does not wait by itself.
const LOCK_POLL: Duration = Duration::from_millis(10);
/// Statements kept prepared per connection; the store has fewer than this.
const STATEMENTS_KEPT: usize = 160;
/// Only the owner: user data and passwords are inside.
const FILE_MODE: u32 = 0o600;
/// Group and others.
const NOT_OWNER: u32 = 0o077;

/// A connection to the file, which is made if it does not exist.
pub(crate) fn open_file(path: &Path) -> Result<Connection, StoreError> {
    let refuse = |reason: String| StoreError::Open { path: path.to_owned(), reason };
    make_file(path).map_err(|e| refuse(describe(path, &e)))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| refuse(e.to_string()))?;
    set_up(&connection).map_err(|fault| open_error(path, fault))?;
    retry_while_locked(|| set_wal(&connection)).map_err(|fault| open_error(path, fault))?;
    Ok(connection)
}

/// A database of its own that vanishes with the connection.
pub(crate) fn open_memory() -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory().map_err(Fault::from)?;
    set_up(&connection)?;
    Ok(connection)
}

/// Repeats `attempt` while another connection holds the lock, for a bounded time.
///
/// Most attempts wait inside SQLite; changing the journal mode, and what SQLite refuses in order to
/// avoid a deadlock, fail at once.
pub(crate) fn retry_while_locked<T>(mut attempt: impl FnMut() -> Tried<T>) -> Tried<T> {
    let started = Instant::now();
    loop {
        match attempt() {
            Err(fault) if fault.is_lock() && started.elapsed() < ATTEMPTS_FOR => {
                thread::sleep(LOCK_POLL);
            }
            done => return done,
        }
    }
}

/// Names the file in what is the file's fault; a lock stays something to wait for.
pub(crate) fn open_error(path: &Path, fault: Fault) -> StoreError {
    match StoreError::from(fault) {
        StoreError::Corrupt { reason } => StoreError::Open {
            path: path.to_owned(),
            reason: format!("{reason}; is it a store of Innkeeper?"),
        },
        StoreError::Internal { reason } => StoreError::Open { path: path.to_owned(), reason },
        other => other,
    }
}

/// SQLite would make it with the mode that the umask leaves; its journals take the file's mode.
fn make_file(path: &Path) -> io::Result<()> {
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & NOT_OWNER != 0 {
                tracing::warn!(
                    path = %path.display(),
                    "the store can be read by others than its owner; it holds user data and \
                     passwords: chmod 600 it"
                );
            }
            Ok(())
        }
        Err(e) => Err(e),
    }
}

fn describe(path: &Path, error: &io::Error) -> String {
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    let shown = directory.display();
    match error.kind() {
        io::ErrorKind::NotFound if !directory.exists() => {
            format!("the directory {shown} does not exist: make it")
        }
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
            format!("{error}: give this user write access to {shown}")
        }
        _ => error.to_string(),
    }
}

fn set_up(connection: &Connection) -> Tried<()> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // With FULL each commit reaches the disk before it is acknowledged. NORMAL would survive the
    // death of the process as well, but not a power cut: an EC2 number that a guest has already
    // seen could be given to another machine. Writes are operators' acts and rare; guests read.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A plan does not depend on the values that are bound: without this, SQLite makes a new one for
    // each value that it has statistics of.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

fn set_wal(connection: &Connection) -> Tried<()> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    let reason = format!("its file system does not allow a write-ahead log (journal is {mode})");
    Err(StoreError::internal(reason).into())
}
