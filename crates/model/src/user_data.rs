use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Serialize};

use crate::{Invalid, limits};

/// Bits after the last byte are nobody's business, as in Nova.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// What the owner gave the guest to read at boot: any bytes, kept and sent as base64.
///
/// The base64 text is kept as it was given, with its line breaks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
pub struct UserData(String);

impl UserData {
    /// Encodes `bytes`; refuses more than fits [`limits::USER_DATA_BASE64_CHARS_MAX`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Invalid> {
        Self::try_from(base64::engine::general_purpose::STANDARD.encode(bytes))
    }

    /// The bytes that the guest reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        decode(&self.0).expect("checked when it was made")
    }
}

impl TryFrom<String> for UserData {
    type Error = Invalid;

    fn try_from(base64: String) -> Result<Self, Invalid> {
        if base64.len() > limits::USER_DATA_BASE64_CHARS_MAX {
            let reason = format!(
                "has {} base64 characters; at most {} are allowed (about {} bytes of text)",
                base64.len(),
                limits::USER_DATA_BASE64_CHARS_MAX,
                limits::USER_DATA_BASE64_CHARS_MAX / 4 * 3
            );
            return Err(Invalid::new("user_data", reason));
        }
        match decode(&base64) {
            Ok(_) => Ok(Self(base64)),
            Err(e) => Err(Invalid::new("user_data", format!("is not base64: {e}"))),
        }
    }
}

impl From<UserData> for String {
    fn from(user_data: UserData) -> Self {
        user_data.0
    }
}

/// White space is passed over, as in Nova; other characters outside the alphabet are refused.
fn decode(base64: &str) -> Result<Vec<u8>, base64::DecodeError> {
    if base64.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let dense: Vec<u8> = base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return LENIENT.decode(dense);
    }
    LENIENT.decode(base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_has_nova_s_limit() {
        let most = limits::USER_DATA_BASE64_CHARS_MAX / 4 * 3;
        let data = UserData::from_bytes(&vec![0xff; most]).expect("just fits");
        assert_eq!(data.to_bytes(), vec![0xff; most]);
        let refused = UserData::from_bytes(&vec![0; most + 1]).expect_err("too large").to_string();
        assert!(refused.starts_with("user_data: has 65536 base64 characters"), "{refused}");
        assert!(UserData::try_from("not base64".to_owned()).is_err());
        assert_eq!(UserData::from_bytes(b"").expect("empty is something").to_bytes(), b"");
    }

    #[test]
    fn line_breaks_are_kept_and_passed_over() {
        let wrapped = "aGVs\nbG8g\r\nd29y bGQ=\n".to_owned();
        let data = UserData::try_from(wrapped.clone()).expect("wrapped base64");
        assert_eq!(data.to_bytes(), b"hello world");
        assert_eq!(String::from(data), wrapped);
        for bad in ["aGVs-bG8g", "aGV", "aGVs\u{0}bG8g", "=", "a b c"] {
            assert!(UserData::try_from(bad.to_owned()).is_err(), "{bad:?} was accepted");
        }
    }
}
