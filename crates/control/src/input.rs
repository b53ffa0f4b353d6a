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
        json(&bytes).map(Self)
    }
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        unread(&field, error.inner())
    })?;
    json.end().map_err(|error| unread(NO_FIELD, &error))?;
    Ok(value)
}

/// What the path to an error is when it is about the whole body.
const NO_FIELD: &str = ".";

/// A value that does not fit is refused like one that breaks a rule: with the name of its field.
fn unread(field: &str, error: &serde_json::Error) -> Failure {
    let is_data = error.classify() == serde_json::error::Category::Data;
    let message = error.to_string();
    if is_data && field != NO_FIELD && !message.starts_with("unknown field") {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = message.strip_suffix(&place).unwrap_or(&message);
        return Invalid::new(field, without_name(field, reason)).into();
    }
    let problem = if is_data { "does not fit" } else { "is not JSON" };
    let message = format!("the body {problem}: {message}");
    Failure::new(StatusCode::BAD_REQUEST, ErrorCode::BadJson, message)
}

/// A type's own refusal names it already, as the field does.
fn without_name<'a>(field: &str, reason: &'a str) -> &'a str {
    match reason.split_once(": ") {
        Some((name, rest)) if field.starts_with(name) => rest,
        _ => reason,
    }
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

#[cfg(test)]
mod tests {
    use innkeeper_control_api::ErrorBody;
    use innkeeper_model::{NewInstance, NewPort, NewProject, NewSubnet};

    use super::*;

    async fn refusal<T: DeserializeOwned>(body: &str) -> (ErrorCode, Option<String>, String) {
        let failure = json::<T>(body.as_bytes()).err().expect("a refusal");
        let answer = http_body_util::BodyExt::collect(failure.into_whole()).await;
        let bytes = answer.expect("a whole body").to_bytes();
        let error = serde_json::from_slice::<ErrorBody>(&bytes).expect("an error body").error;
        (error.code, error.field, error.message)
    }

    const NETWORK: &str = r#""network_id":"6f1c2a51-5a3c-4a52-9b0e-0d8a63f6b7aa""#;

    #[tokio::test]
    async fn a_value_of_a_wrong_form_is_refused_by_the_name_of_its_field() {
        let subnet = format!(r#"{{{NETWORK},"name":"a","cidr":"10.0.0.0/33"}}"#);
        let (code, field, message) = refusal::<NewSubnet>(&subnet).await;
        assert_eq!((code, field.as_deref()), (ErrorCode::Invalid, Some("cidr")), "{message}");

        let port = format!(r#"{{{NETWORK},"project_id":"p","fixed_ips":[{{"ip_address":"x"}}]}}"#);
        let (_, field, message) = refusal::<NewPort>(&port).await;
        assert_eq!(field.as_deref(), Some("fixed_ips[0].ip_address"), "{message}");

        let port = format!(r#"{{{NETWORK},"project_id":"p","mac_address":"x"}}"#);
        let (_, _, message) = refusal::<NewPort>(&port).await;
        assert!(message.starts_with("mac_address: \"x\" is not a unicast MAC"), "{message}");

        let instance = r#"{"project_id":"p","name":"w","user_data":"***"}"#;
        let (_, _, message) = refusal::<NewInstance>(instance).await;
        assert!(message.starts_with("user_data: is not base64"), "{message}");
    }

    #[tokio::test]
    async fn a_body_of_a_wrong_form_is_refused_as_a_whole() {
        for (body, words) in [
            ("{", "is not JSON"),
            (r#"{"name":"a"} x"#, "is not JSON"),
            ("{}", "missing field `name`"),
            ("[]", "does not fit"),
            (r#"{"nam":"x"}"#, "unknown field `nam`"),
        ] {
            let (code, field, message) = refusal::<NewProject>(body).await;
            assert_eq!((code, field), (ErrorCode::BadJson, None), "{body}: {message}");
            assert!(message.contains(words), "{body}: {message}");
        }
    }
}
