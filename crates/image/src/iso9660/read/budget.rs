//! How much is read before an image is given up.

use crate::ReadError;

/// Bytes of directories and continuations that are read for one question. As many entries as are
/// read at all need a sixth of it; an image whose directories overlap asks for more than it has.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What may still be read.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self { left: BYTES_MAX }
    }

    /// Takes the bytes that are about to be read.
    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), ReadError> {
        const WHAT: &str = "directories of too many bytes";
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(ReadError::TooMuch { what: WHAT, limit: BYTES_MAX })?;
        Ok(())
    }
}
