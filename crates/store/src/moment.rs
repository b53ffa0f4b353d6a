//! Which state the database is in, told without asking SQLite.
//!
//! What was read of the database may be used again as long as nothing has been committed since, by
//! whatever process. SQLite has a number for that (`PRAGMA data_version`), but it costs a statement
//! and two locks in the kernel on a connection of one's own: some 5 µs and a thread that may block.
//! The header of the index of the write-ahead log tells the same for one `pread` of 48 bytes, some
//! 0.3 µs. Its format is documented and part of SQLite's promise to other versions of itself
//! (<https://www.sqlite.org/walformat.html>, "The WAL-Index Header"): it is written at every
//! commit, before the commit returns, and holds a counter of commits, the number of the last frame
//! and the checksum over all frames, so that no two states have the same.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes of the header; a second copy, which is written first, follows.
const HEADER_BYTES: usize = 48;
/// The format that is known here: the header's first four bytes, in the machine's order.
const FORMAT: u32 = 3_007_000;
/// Where the header says, with 1, that it is in use.
const IN_USE_AT: usize = 12;

/// A state of the database. Two that are equal are the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment([u8; HEADER_BYTES]);

/// Tells the state that the database is in now.
#[derive(Debug)]
pub(crate) enum Moments {
    /// Of a file that other processes may write.
    File(Arc<WalIndex>),
    /// Of a database in memory, whose commits are counted where they are made.
    Memory(Arc<AtomicU64>),
    /// It cannot be told, so that nothing that was read can be used again.
    Unknown,
}

/// The index of a write-ahead log as a file.
///
/// It must outlive the connections of this process to the same database: closing any descriptor of
/// a file drops the locks that the whole process has on it, SQLite's own included (POSIX). So there
/// is one of each file, and whoever has a connection has it too.
#[derive(Debug)]
pub(crate) struct WalIndex {
    file: File,
    /// Device and inode.
    id: (u64, u64),
}

static OPEN: Mutex<Vec<Weak<WalIndex>>> = Mutex::new(Vec::new());

impl Moments {
    /// The state now: whatever was acknowledged before the call is in it.
    pub(crate) fn now(&self) -> Option<Moment> {
        match self {
            Self::File(index) => index.header(),
            Self::Memory(commits) => {
                let mut bytes = [0; HEADER_BYTES];
                let (count, _) = bytes.split_at_mut(8);
                count.copy_from_slice(&commits.load(Ordering::Acquire).to_ne_bytes());
                Some(Moment(bytes))
            }
            Self::Unknown => None,
        }
    }
}

impl WalIndex {
    /// That of a database to which there are connections that have read.
    pub(crate) fn open(database: &Path) -> io::Result<Arc<Self>> {
        // SQLite puts it beside the file itself, not beside a link to it.
        let mut path = fs::canonicalize(database)?.into_os_string();
        path.push("-shm");
        let path = PathBuf::from(path);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|index| index.strong_count() > 0);
        let id = id(&fs::metadata(&path)?);
        if let Some(index) = open.iter().filter_map(Weak::upgrade).find(|index| index.id == id) {
            return Ok(index);
        }
        let index = Arc::new(Self { file: File::open(&path)?, id });
        open.push(Arc::downgrade(&index));
        Ok(index)
    }

    /// Nothing if it is of a format that is not known here.
    fn header(&self) -> Option<Moment> {
        let mut bytes = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut bytes, 0).ok()?;
        let known = bytes.starts_with(&FORMAT.to_ne_bytes());
        (known && bytes.get(IN_USE_AT) == Some(&1)).then_some(Moment(bytes))
    }
}

fn id(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
