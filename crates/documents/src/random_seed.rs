//! `random_seed`: 512 random bytes in base64, new for each reader.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::Entropy;

/// Bytes: what Nova gives.
const RANDOM_SEED_BYTES: usize = 512;
/// Characters that they are shown as.
pub(crate) const RANDOM_SEED_CHARS: usize = RANDOM_SEED_BYTES.div_ceil(3) * 4;

/// What `random_seed` shows.
pub(crate) fn random_seed(entropy: &mut Entropy<'_>) -> String {
    let mut text = Vec::with_capacity(RANDOM_SEED_CHARS);
    push_random_seed(&mut text, entropy);
    String::from_utf8(text).unwrap_or_default()
}

/// Writes it behind `text`.
pub(crate) fn push_random_seed(text: &mut Vec<u8>, entropy: &mut Entropy<'_>) {
    let mut random = [0; RANDOM_SEED_BYTES];
    entropy(&mut random);
    let mut seed = [0; RANDOM_SEED_CHARS];
    let length = STANDARD.encode_slice(random, &mut seed).expect("it is as long as that");
    text.extend_from_slice(seed.get(..length).unwrap_or_default());
}
