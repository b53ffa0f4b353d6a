//! What guests read, rendered once and read often.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};

use crate::{Entropy, MediaType};

/// Random bytes in `random_seed`: what Nova gives.
const RANDOM_SEED_BYTES: usize = 512;
/// Characters that they are shown as.
const RANDOM_SEED_CHARS: usize = RANDOM_SEED_BYTES.div_ceil(3) * 4;

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
        let mut random = [0; RANDOM_SEED_BYTES];
        entropy(&mut random);
        let mut seed = [0; RANDOM_SEED_CHARS];
        let length = STANDARD.encode_slice(random, &mut seed).expect("it is as long as that");
        let mut bytes = BytesMut::with_capacity(self.before.len() + length + behind.len());
        bytes.extend_from_slice(&self.before);
        bytes.extend_from_slice(seed.get(..length).unwrap_or_default());
        bytes.extend_from_slice(behind);
        bytes.freeze()
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

/// What `random_seed` shows.
pub(crate) fn random_seed(entropy: &mut Entropy<'_>) -> String {
    let mut bytes = [0; RANDOM_SEED_BYTES];
    entropy(&mut bytes);
    STANDARD.encode(bytes)
}
