//! Hashes as people compare them.

use std::fmt::Write as _;

pub(crate) fn encode(hash: &[u8; 32]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

/// `None` if it is not 64 small hexadecimal digits.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let mut hash = [0; 32];
    if pairs.len() != hash.len() || !odd.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back() {
        let hash: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 8 + 5).expect("small"));
        let text = encode(&hash);
        assert!(text.starts_with("050d151d") && text.len() == 64, "{text}");
        assert_eq!(decode(&text), Some(hash));
        for bad in ["05", "", &format!("{text}0"), &text.replace('d', "D"), &text.replace('5', "ü")]
        {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
