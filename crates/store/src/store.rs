use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    StoreError,
    change::Change,
    connection::{open_error, open_file, open_memory, retry_while_locked},
    kept::Kept,
    migration,
    moment::{Moments, WalIndex},
    tried::Tried,
    worker::Workers,
};

/// Connections that read at the same time. Reads seldom wait for a disk, so a few are as good as
/// many.
const READERS: usize = 4;

/// Bytes of what was read that are kept in memory where nobody says how many.
pub const CACHE_BYTES_DEFAULT: usize = 32 * 1024 * 1024;

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// In this file, which several processes may open; made with mode 0600 if missing.
    File(PathBuf),
    /// In this process's memory, gone with the last clone of the [`Store`].
    Memory,
}

/// The database. Clones share it.
#[derive(Clone)]
pub struct Store {
    threads: Arc<Threads>,
}

/// Writes take turns anyway, so there is one writer.
struct Threads {
    writer: Workers,
    /// `None`: reads go to the writer's connection, which alone can see a database in memory.
    readers: Option<Workers>,
    commits: Arc<AtomicU64>,
    kept: Kept,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, makes it if it does not exist, and brings its schema up to date.
    pub async fn open(location: &StoreLocation) -> Result<Self, StoreError> {
        Self::open_with_cache(location, CACHE_BYTES_DEFAULT).await
    }

    /// As [`Store::open`], keeping up to `cache_bytes` of what guests ask for in memory.
    pub async fn open_with_cache(
        location: &StoreLocation,
        cache_bytes: usize,
    ) -> Result<Self, StoreError> {
        let location = location.clone();
        let opened =
            tokio::task::spawn_blocking(move || open_threads(&location, cache_bytes)).await;
        match opened {
            Ok(threads) => Ok(Self { threads: Arc::new(threads?) }),
            Err(e) => Err(StoreError::internal(format!("opening panicked: {e}"))),
        }
    }

    /// Whether the database answers: one cheap read.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.topology_generation().await.map(|_| ())
    }

    /// How many writes were committed here: while it stays the same, nothing has changed through
    /// this store or its clones. What other processes write is not counted.
    pub fn commits(&self) -> u64 {
        self.threads.commits.load(Ordering::Acquire)
    }

    /// Finishes what was begun, refuses what comes after, and closes the connections.
    ///
    /// Dropping the last clone does the same without waiting.
    pub async fn close(&self) {
        let mut threads = self.threads.writer.stop();
        threads.extend(self.threads.readers.iter().flat_map(Workers::stop));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // Jobs' panics are caught inside; there is nothing left to tell.
                let _ = thread.join();
            }
        });
        let _ = joined.await;
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.threads.kept
    }

    /// Runs `work` on one snapshot of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Tried<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.threads.readers.as_ref().unwrap_or(&self.threads.writer);
        readers
            .run(move |connection| {
                let snapshot = Snapshot::of(connection)?;
                Ok(work(snapshot.0)?)
            })
            .await
    }

    /// Runs `work` in a write transaction and commits it. It may be run more than once, after its
    /// earlier run was rolled back.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Change<'_>) -> Tried<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let commits = Arc::clone(&self.threads.commits);
        let job = move |connection: &mut Connection| {
            let result = retry_while_locked(|| {
                let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
                let mut change = Change::new(transaction);
                let value = work(&mut change)?;
                change.commit()?;
                // Here, where it is certain: the caller may have gone.
                commits.fetch_add(1, Ordering::AcqRel);
                Ok(value)
            });
            Ok(result?)
        };
        self.threads.writer.run(job).await
    }
}

/// A transaction that reads. Its statements are kept prepared, as those in it are.
struct Snapshot<'a>(&'a Connection);

impl<'a> Snapshot<'a> {
    fn of(connection: &'a Connection) -> Tried<Self> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // After some failures SQLite has ended it itself.
        if self.0.is_autocommit() {
            return;
        }
        let ended = self.0.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
        if let Err(error) = ended {
            tracing::error!(%error, "a read of the store did not end");
        }
    }
}

fn open_threads(location: &StoreLocation, cache_bytes: usize) -> Result<Threads, StoreError> {
    let StoreLocation::File(path) = location else {
        let mut only = open_memory()?;
        migration::migrate(&mut only)?;
        let writer = Workers::start("store", vec![only], None)?;
        let commits = Arc::<AtomicU64>::default();
        let kept = Kept::new(Moments::Memory(Arc::clone(&commits)), cache_bytes);
        return Ok(Threads { writer, readers: None, commits, kept });
    };
    let mut writer = open_file(path)?;
    migration::migrate(&mut writer).map_err(|fault| open_error(path, fault))?;
    let readers = (0..READERS).map(|_| open_file(path)).collect::<Result<Vec<_>, _>>()?;
    let index = WalIndex::open(path)
        .inspect_err(|error| {
            tracing::warn!(
                path = %path.display(), %error,
                "the index of the database's log cannot be read: each request reads the database"
            );
        })
        .ok();
    Ok(Threads {
        writer: Workers::start("store-write", vec![writer], index.as_ref())?,
        readers: Some(Workers::start("store-read", readers, index.as_ref())?),
        commits: Arc::default(),
        kept: Kept::new(index.map_or(Moments::Unknown, Moments::File), cache_bytes),
    })
}
