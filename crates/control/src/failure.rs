//! Every way in which the control API says no, with its status: the one place for it.

use axum::{
    body::Body,
    extract::rejection::QueryRejection,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::Full;
use innkeeper_config_drive::ConfigDriveError;
use innkeeper_control_api::{ErrorBody, ErrorCode, ErrorDetail};
use innkeeper_model::{Invalid, LookupRefusal};
use innkeeper_store::StoreError;
use innkeeper_wire::Reason;

use crate::config_drives::ConfigDrivesError;

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    detail: ErrorDetail,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        let detail = ErrorDetail { code, message: message.into(), field: None, refusal: None };
        Self { status, detail }
    }

    fn of_field(mut self, field: impl Into<String>) -> Self {
        self.detail.field = Some(field.into());
        self
    }

    pub(crate) fn no_token() -> Self {
        let message = "this needs a token: send \"Authorization: Bearer <token>\" with one that \
                       `innkeeper init` made; the one sent, if any, is not known";
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::NoToken, message)
    }

    pub(crate) fn wrong_scope() -> Self {
        let message = "an agent's token may only look up ports and read the topology; this needs \
                       an admin's token";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::WrongScope, message)
    }

    /// Where something was named that does not exist.
    pub(crate) fn not_found(kind: &str, id: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, format!("there is no {kind} {id}"))
    }

    /// What the server refuses before a handler sees it.
    pub(crate) fn of_reason(reason: Reason) -> Self {
        let (code, message) = match reason {
            Reason::BodyTooLarge => (ErrorCode::BodyTooLarge, "the body is larger than 1 MiB"),
            Reason::SlowRequest => (ErrorCode::Timeout, "the body did not arrive in time"),
            Reason::Overloaded => (ErrorCode::Unavailable, "too many requests at once; try again"),
            Reason::BadRequest => (ErrorCode::Invalid, "this is not an HTTP/1.1 request"),
            _ => (ErrorCode::Internal, "a defect of the control API; its log says more"),
        };
        Self::new(reason.status(), code, message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Invalid(invalid) => invalid.into(),
            StoreError::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
            }
            StoreError::Conflict { field, .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, message).of_field(field)
            }
            StoreError::InUse { .. } => Self::new(StatusCode::CONFLICT, ErrorCode::InUse, message),
            StoreError::Unavailable { .. } => {
                tracing::warn!(target: "control", error = %message, "the store is unavailable");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable, message)
            }
            StoreError::Corrupt { .. } | StoreError::Open { .. } | StoreError::Internal { .. } => {
                tracing::error!(target: "control", error = %message, "the store failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, message)
            }
        }
    }
}

impl From<ConfigDrivesError> for Failure {
    fn from(error: ConfigDrivesError) -> Self {
        let message = error.to_string();
        let (status, code) = match error {
            ConfigDrivesError::Store(error) => return error.into(),
            ConfigDrivesError::NoInstance(_) | ConfigDrivesError::NotKept(_) => {
                (StatusCode::NOT_FOUND, ErrorCode::NotFound)
            }
            ConfigDrivesError::NotWanted(_) => (StatusCode::CONFLICT, ErrorCode::Conflict),
            ConfigDrivesError::Drive(
                ConfigDriveError::Contents(_)
                | ConfigDriveError::Tree(_)
                | ConfigDriveError::Image(_),
            ) => (StatusCode::CONFLICT, ErrorCode::Conflict),
            ConfigDrivesError::Busy | ConfigDrivesError::VendorData(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable)
            }
            ConfigDrivesError::Drive(_)
            | ConfigDrivesError::Entropy(_)
            | ConfigDrivesError::Panicked => {
                tracing::error!(target: "control", error = %message, "there is no config drive");
                (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal)
            }
        };
        Self::new(status, code, message)
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::Invalid, invalid.to_string())
            .of_field(invalid.field)
    }
}

impl From<LookupRefusal> for Failure {
    fn from(refusal: LookupRefusal) -> Self {
        let mut failure =
            Self::new(StatusCode::NOT_FOUND, ErrorCode::LookupRefused, refusal.to_string());
        failure.detail.refusal = Some(refusal);
        failure
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::Invalid, rejection.body_text())
    }
}

impl Failure {
    /// The whole answer.
    pub(crate) fn into_whole(self) -> http::Response<Full<Bytes>> {
        let body = serde_json::to_vec(&ErrorBody { error: self.detail });
        let body = body.expect("an error body is text and enums");
        let mut response = http::Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"innkeeper\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.into_whole().map(Body::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(error: StoreError) -> (u16, ErrorCode) {
        let failure = Failure::from(error);
        (failure.status.as_u16(), failure.detail.code)
    }

    #[test]
    fn store_errors_have_their_status() {
        let text = String::new;
        let cases = [
            (StoreError::NotFound { kind: "port", id: text() }, (404, ErrorCode::NotFound)),
            (
                StoreError::Conflict { field: "name".to_owned(), reason: text() },
                (409, ErrorCode::Conflict),
            ),
            (StoreError::InUse { kind: "port", id: text(), by: text() }, (409, ErrorCode::InUse)),
            (Invalid::new("cidr", "is odd").into(), (400, ErrorCode::Invalid)),
            (StoreError::Unavailable { reason: text() }, (503, ErrorCode::Unavailable)),
            (StoreError::Corrupt { reason: text() }, (500, ErrorCode::Internal)),
            (StoreError::Internal { reason: text() }, (500, ErrorCode::Internal)),
        ];
        for (error, expected) in cases {
            let shown = error.to_string();
            assert_eq!(status(error), expected, "{shown}");
        }
    }
}
