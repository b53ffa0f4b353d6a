//! How the control API says no, and how the client reports it.

use http::StatusCode;
use innkeeper_model::LookupRefusal;
use serde::{Deserialize, Serialize};

/// Every answer of the control API that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorDetail {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one line.
    pub message: String,
    /// The field that is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why a lookup led to nobody; only with the code `lookup-refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<LookupRefusal>,
}

/// A stable code for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// A field breaks a rule.
    Invalid,
    /// The body is not the JSON that the operation takes.
    BadJson,
    /// No token, or one that is not known.
    NoToken,
    /// The token's scope does not reach this operation.
    WrongScope,
    /// No such resource.
    NotFound,
    /// No such path.
    NoSuchPath,
    /// The path has no such method.
    MethodNotAllowed,
    /// Something else has the name, the address or the range.
    Conflict,
    /// Something else needs it.
    InUse,
    /// The lookup led to nobody.
    LookupRefused,
    /// The body is too large.
    BodyTooLarge,
    /// The request did not come, or could not be answered, in time.
    Timeout,
    /// Try again in a moment.
    Unavailable,
    /// A defect of ours.
    Internal,
    /// A code of a newer server.
    #[serde(other)]
    Unknown,
}

/// Why an operation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The server said no.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The stable code.
        code: ErrorCode,
        /// What is wrong and what to do.
        message: String,
        /// The field that is to blame.
        field: Option<String>,
    },
    /// The lookup led to nobody; not a failure of the network view.
    #[error(transparent)]
    LookupRefused(#[from] LookupRefusal),
    /// Nobody answered. Whether a change was made is not known if it had been sent.
    #[error("control API at {address} is not answering: {advice} ({cause})")]
    Unavailable {
        /// Where it should be.
        address: String,
        /// What to do.
        advice: String,
        /// What the system said.
        cause: String,
    },
    /// Whoever answered is no control API, or one of another version.
    #[error(
        "the answer of {address} is not the control API's: {cause}; \
         is this the control socket of an innkeeper of version {version}?",
        version = env!("CARGO_PKG_VERSION")
    )]
    Protocol {
        /// Who answered.
        address: String,
        /// What was odd.
        cause: String,
    },
}

impl ControlError {
    /// Whether the same call may succeed in a moment.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
            Self::LookupRefused(_) | Self::Protocol { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_newer_servers_are_read() {
        let json = r#"{"error":{"code":"moon-phase","message":"wait"}}"#;
        let body: ErrorBody = serde_json::from_str(json).expect("an error body");
        assert_eq!(body.error.code, ErrorCode::Unknown);
    }
}
