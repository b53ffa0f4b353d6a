//! What handlers take out of a request, refused in one form.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::{StatusCode, request::Parts};
use innkeeper_control_api::ErrorCode;
use innkeeper_model::Invalid;
use innkeeper_wire::limits::REQUEST_BODY_BYTES_MAX;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// A body of JSON. Its Content-Type is not looked at: there is nothing else it could be.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let collected = axum::body::to_bytes(request.into_body(), REQUEST_BODY_BYTES_MAX).await;
        let bytes: Bytes = collected.map_err(|error| {
            let message = format!("the body could not be read: {error}; at most 1 MiB is taken");
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge, message)
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(bad_json(&error)),
        }
    }
}

fn bad_json(error: &serde_json::Error) -> Failure {
    let message = match error.classify() {
        serde_json::error::Category::Data => format!("the body does not fit: {error}"),
        _ => format!("the body is not JSON: {error}"),
    };
    Failure::new(StatusCode::BAD_REQUEST, ErrorCode::BadJson, message)
}

/// The id in the path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr<Err = Invalid>, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(id) = path::<String, S>(parts, state).await?;
        Ok(Self(id.parse()?))
    }
}

/// All parameters of the path.
pub(crate) async fn path<T, S>(parts: &mut Parts, state: &S) -> Result<Path<T>, Failure>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    Path::<T>::from_request_parts(parts, state).await.map_err(|rejection| {
        Failure::new(StatusCode::BAD_REQUEST, ErrorCode::Invalid, rejection.body_text())
    })
}

/// The query; parameters that are not known are refused.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(value) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}
