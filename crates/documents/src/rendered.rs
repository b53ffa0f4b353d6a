//! What guests read, rendered once and read often.

use std::fmt;

use bytes::Bytes;

use crate::{
    Entropy, MediaType,
    random_seed::{RANDOM_SEED_CHARS, push_random_seed},
};

/// A document or a listing as guests read it, but for its random bytes, which are new each time.
#[derive(Clone)]
pub struct Rendered {
    media_type: MediaType,
    before: Bytes,
    /// What is behind the random bytes; `None` if it shows none.
    behind: Option<Bytes>,
}

impl Rendered {
    pub(crate) const fn new(media_type: MediaType, bytes: Bytes) -> Self {
        Self { media_type, before: bytes, behind: None }
    }

    pub(crate) fn with_seed(media_type: MediaType, before: Vec<u8>, behind: Vec<u8>) -> Self {
        Self { media_type, before: before.into(), behind: Some(behind.into()) }
    }

    /// What it is to be read as.
    pub const fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// The bytes for one reader; `entropy` is asked for those of them that are random, if there are
    /// any. Without, nothing is copied.
    pub fn bytes(&self, entropy: &mut Entropy<'_>) -> Bytes {
        let Some(behind) = &self.behind else { return self.before.clone() };
        let length = self.before.len() + RANDOM_SEED_CHARS + behind.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&self.before);
        push_random_seed(&mut bytes, entropy);
        bytes.extend_from_slice(behind);
        bytes.into()
    }

    /// Bytes of memory that it takes.
    pub fn size(&self) -> usize {
        let behind = self.behind.as_ref().map_or(0, Bytes::len);
        size_of::<Self>() + self.before.len() + behind
    }
}

impl fmt::Debug for Rendered {
    /// Says what it is, never what is in it: user data and passwords are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}
