//! `random_seed`: 512 random bytes in base64, new for each reader.

use crate::Entropy;

/// Bytes: what Nova gives.
const RANDOM_SEED_BYTES: usize = 512;
/// Characters that they are shown as.
pub(crate) const RANDOM_SEED_CHARS: usize = RANDOM_SEED_BYTES.div_ceil(3) * 4;

/// Of RFC 4648 §4.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The two characters of each 12 bits. With them a seed takes a third of what a library's encoder
/// takes, which has a character for 6 bits: that was an eighth of all instructions of a request.
static PAIRS: [[u8; 2]; 4096] = pairs();

const fn pairs() -> [[u8; 2]; 4096] {
    let mut pairs = [[0; 2]; 4096];
    let mut bits = 0;
    while bits < 4096 {
        pairs[bits] = [ALPHABET[bits >> 6], ALPHABET[bits & 63]];
        bits += 1;
    }
    pairs
}

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
    let mut seed = [b'='; RANDOM_SEED_CHARS];
    let (wholes, rest) = random.as_chunks::<3>();
    let (quads, _) = seed.as_chunks_mut::<4>();
    for (quad, &[a, b, c]) in quads.iter_mut().zip(wholes) {
        *quad = four(a, b, c);
    }
    // 512 is two more than a multiple of three.
    if let ([a, b], Some([first, second, third, _])) = (rest, quads.last_mut()) {
        [*first, *second, *third, _] = four(*a, *b, 0);
    }
    text.extend_from_slice(&seed);
}

/// The four characters of three bytes.
fn four(a: u8, b: u8, c: u8) -> [u8; 4] {
    let bits = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    let ([first, second], [third, fourth]) = (PAIRS[bits >> 12 & 0xfff], PAIRS[bits & 0xfff]);
    [first, second, third, fourth]
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::{collection::vec, prelude::any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn a_seed_is_base64(bytes in vec(any::<u8>(), RANDOM_SEED_BYTES)) {
            let seed = random_seed(&mut |random| random.copy_from_slice(&bytes));
            assert_eq!(seed, STANDARD.encode(&bytes));
        }
    }
}
