//! Request ids.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Names one guest request in every hop's log: `req-` and a UUID, as OpenStack writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new id, unlike any other.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req-{}", self.0.hyphenated())
    }
}

/// The text is no request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a request id: req- and a UUID")]
pub struct BadRequestId;

impl FromStr for RequestId {
    type Err = BadRequestId;

    fn from_str(text: &str) -> Result<Self, BadRequestId> {
        let uuid = text.strip_prefix("req-").filter(|uuid| uuid.len() == 36).ok_or(BadRequestId)?;
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
