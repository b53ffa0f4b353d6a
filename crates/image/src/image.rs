//! An image's bytes.

use std::{fmt, io};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Zeros are looked for in blocks of this size: what file systems allocate.
const BLOCK: usize = 4_096;

/// How many zeros are written at once.
const ZEROS: &[u8] = &[0; 64 * 1024];

/// An image: some bytes at some places, and zeros everywhere else. A VFAT image of 64 MiB takes as
/// much memory as what is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    len: u64,
    /// By offset, without overlap, within `len`.
    parts: Vec<(u64, Bytes)>,
}

impl Image {
    /// An image of `len` bytes. `parts` are in order, do not overlap and end within it.
    pub(crate) fn new(len: u64, parts: Vec<(u64, Bytes)>) -> Self {
        debug_assert!(parts.is_sorted_by_key(|(offset, _)| *offset));
        Self { len, parts }
    }

    /// The bytes of another maker, all of them. Blocks of zeros are found and become holes.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let block = |at: usize| &bytes[at..bytes.len().min(at + BLOCK)];
        let mut parts: Vec<(usize, usize)> = Vec::new();
        for start in (0..bytes.len()).step_by(BLOCK) {
            if block(start).iter().all(|byte| *byte == 0) {
                continue;
            }
            let end = start + block(start).len();
            match parts.last_mut() {
                Some((_, last)) if *last == start => *last = end,
                _ => parts.push((start, end)),
            }
        }
        let parts = parts.into_iter().map(|(start, end)| (start as u64, bytes.slice(start..end)));
        Self { len: bytes.len() as u64, parts: parts.collect() }
    }

    /// How many bytes it has.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is not zero, with its place.
    pub fn parts(&self) -> &[(u64, Bytes)] {
        &self.parts
    }

    /// Writes all of it, zeros too.
    pub fn write_to(&self, to: &mut impl io::Write) -> io::Result<()> {
        let mut at = 0;
        for (offset, bytes) in &self.parts {
            write_zeros(to, offset - at)?;
            to.write_all(bytes)?;
            at = offset + bytes.len() as u64;
        }
        write_zeros(to, self.len - at)
    }

    /// Writes it to where there are only zeros, such as a new file, leaving holes.
    pub fn write_sparse(&self, to: &std::fs::File) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        to.set_len(self.len)?;
        self.parts.iter().try_for_each(|(offset, bytes)| to.write_all_at(bytes, *offset))
    }

    /// All of it in memory.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or_default());
        self.write_to(&mut bytes).expect("memory takes every write");
        bytes
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Hashing(Sha256::new());
        self.write_to(&mut hash).expect("a hash takes every write");
        hash.0.finalize().into()
    }
}

impl fmt::Debug for Image {
    /// Says how much it is, never what is in it: drives have passwords on them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, parts } = self;
        f.debug_struct("Image").field("len", len).field("parts", &parts.len()).finish()
    }
}

struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_zeros(to: &mut impl io::Write, mut count: u64) -> io::Result<()> {
    while count > 0 {
        let now = usize::try_from(count).map_or(ZEROS.len(), |count| count.min(ZEROS.len()));
        to.write_all(&ZEROS[..now])?;
        count -= now as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_has_made_is_the_same_with_holes() {
        for len in [0, 1, BLOCK, 5 * BLOCK, 5 * BLOCK + 7] {
            let mut bytes = vec![0; len];
            for at in [0, BLOCK, 2 * BLOCK - 1, 4 * BLOCK + 1, 5 * BLOCK + 6] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = 1;
                }
            }
            let image = Image::from_bytes(bytes.clone());
            assert_eq!(image.to_vec(), bytes, "{len}");
            let held: usize = image.parts().iter().map(|(_, part)| part.len()).sum();
            assert!(held <= 4 * BLOCK, "{held} of {len} bytes are held");
        }
    }

    #[test]
    fn holes_are_zeros_however_it_is_written() {
        let parts = vec![(3, Bytes::from_static(b"ab")), (100_000, Bytes::from_static(b"c"))];
        let image = Image::new(200_000, parts);
        let bytes = image.to_vec();
        assert_eq!(bytes.len(), 200_000);
        assert_eq!((&bytes[..6], bytes[100_000]), (&b"\0\0\0ab\0"[..], b'c'));
        let file = tempfile::NamedTempFile::new().unwrap();
        image.write_sparse(file.as_file()).unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), bytes);
        let whole: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(image.sha256(), whole);
    }
}
