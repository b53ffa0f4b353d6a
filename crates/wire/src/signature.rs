//! The signature by which the API knows its agents: HMAC-SHA256 under the shared secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The secret that agent and API share (`metadata_proxy_shared_secret`), as a prepared key. Its
/// text is not kept and never shown.
#[derive(Clone)]
pub struct SharedSecret {
    keyed: Hmac<Sha256>,
}

/// Why a text is no shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SharedSecretError {
    /// An empty key would let anybody sign.
    #[error("the shared secret is empty; write a long random text into it")]
    Empty,
}

impl SharedSecret {
    /// A secret from its text, as a file holds it: line ends at its end do not count.
    pub fn new(text: &str) -> Result<Self, SharedSecretError> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() {
            return Err(SharedSecretError::Empty);
        }
        let keyed = Hmac::new_from_slice(text.as_bytes()).expect("HMAC takes keys of any length");
        Ok(Self { keyed })
    }

    /// Signs the concatenation of `parts`.
    pub fn sign(&self, parts: &[&[u8]]) -> HexSignature {
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(part);
        }
        HexSignature::of(&mac.finalize().into_bytes())
    }

    /// Another key, for the purpose that `label` names: what is signed with it says nothing of this
    /// secret, nor of the keys for other purposes.
    pub(crate) fn derive(&self, label: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(label);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret([secret])")
    }
}

/// A signature in lower-case hexadecimal.
#[derive(Clone)]
pub struct HexSignature([u8; 64]);

impl HexSignature {
    /// Its text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("hex digits are ASCII")
    }

    /// Whether `presented` is this very text, found out in constant time.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(presented).into()
    }

    fn of(bytes: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 0xf)];
        }
        Self(hex)
    }
}

impl fmt::Debug for HexSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexSignature([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_neutron_signs() {
        for (secret, id, signature) in [
            ("secret", "uuid1", "3b5421875d7ba0fc910202f5ce448d9419597e7b66f702b53335116fee60e81e"),
            (
                "s3cr3t",
                "inst-1",
                "439de97388f549a2dcc1028067b052f1128de208ae3ed06f3ef648f998988fbc",
            ),
        ] {
            let made = SharedSecret::new(secret).unwrap().sign(&[id.as_bytes()]);
            assert_eq!(made.as_str(), signature);
            assert!(made.matches(signature.as_bytes()));
            assert!(!made.matches(signature.to_uppercase().as_bytes()));
            assert!(!made.matches(b""));
        }
    }

    #[test]
    fn a_line_end_is_no_part_of_it() {
        let plain = SharedSecret::new("secret").unwrap().sign(&[b"x"]);
        let from_file = SharedSecret::new("secret\r\n").unwrap().sign(&[b"x"]);
        assert_eq!(plain.as_str(), from_file.as_str());
        assert_eq!(SharedSecret::new("\n").unwrap_err(), SharedSecretError::Empty);
    }

    #[test]
    fn is_never_shown() {
        let secret = SharedSecret::new("hunter2").unwrap();
        let shown = format!("{secret:?} {:?}", secret.sign(&[b"x"]));
        assert_eq!(shown, "SharedSecret([secret]) HexSignature([secret])");
    }
}
