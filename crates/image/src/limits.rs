//! How much of a drive is read. A config drive comes from whoever made the machine, so what it
//! says of its own sizes is believed only this far.

/// Entries of a drive. Nova's largest has some 60 files; this leaves room for the trees that
/// operators add, and a walk over it takes milliseconds.
pub(crate) const ENTRIES_MAX: usize = 10_000;

/// How deep directories may be. A config drive has four levels.
pub(crate) const DEPTH_MAX: usize = 64;

/// Bytes of a path: Linux's `PATH_MAX`, so longer ones could not be opened in a guest either.
pub(crate) const PATH_BYTES_MAX: usize = 4096;

/// Bytes of a file that is read into memory. Nova bounds what users give to less than 1 MiB; the
/// rest is for what operators add.
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
