//! Request ids.

use std::{fmt, str::FromStr};

use uuid::{Builder, Uuid, fmt::Hyphenated};

const PREFIX: &str = "req-";
const TEXT_BYTES: usize = PREFIX.len() + Hyphenated::LENGTH;

/// Names one guest request in every hop's log: `req-` and a UUID, as OpenStack writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new id, unlike any other.
    pub fn random() -> Self {
        Self(Builder::from_random_bytes(rand::random()).into_uuid())
    }

    /// As long as its text is.
    pub(crate) const TEXT: [u8; TEXT_BYTES] = [0; TEXT_BYTES];

    /// Writes its text into `buffer`.
    pub(crate) fn encode(self, buffer: &mut [u8; TEXT_BYTES]) -> &str {
        let (prefix, uuid) = buffer.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        self.0.hyphenated().encode_lower(uuid);
        // Both are ASCII.
        std::str::from_utf8(buffer).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut Self::TEXT.clone()))
    }
}

/// The text is no request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a request id: req- and a UUID")]
pub struct BadRequestId;

impl FromStr for RequestId {
    type Err = BadRequestId;

    fn from_str(text: &str) -> Result<Self, BadRequestId> {
        let uuid = text.strip_prefix(PREFIX).filter(|uuid| uuid.len() == 36).ok_or(BadRequestId)?;
        Uuid::try_parse(uuid).map(Self).ok().ok_or(BadRequestId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_what_it_writes() {
        let id = RequestId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "req-", "req-x", "req-00000000000000000000000000000000", "a\nb"] {
            assert_eq!(bad.parse::<RequestId>(), Err(BadRequestId), "{bad:?}");
        }
    }
}
