//! Answers in Nova's form, to the byte.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use innkeeper_documents::{Directory, File, MediaType};
use innkeeper_wire::{GuestResponse, Reason};
use serde::Serialize;

use crate::{Sources, accept::ErrorForm};

/// When to ask again what could not be answered just now: at once, in HTTP's unit.
const RETRY_AFTER_SECONDS: &str = "1";

/// What a listing is to its reader.
pub(crate) fn directory(directory: &Directory) -> GuestResponse {
    served(MediaType::Text, directory.listing().into())
}

/// What a document is to its reader.
pub(crate) fn file(file: &File<'_>, sources: &Sources) -> GuestResponse {
    served(file.media_type(), file.render(&mut |bytes| sources.fill(bytes)))
}

/// A refusal, for the reason's own status.
pub(crate) fn refusal(reason: Reason, headers: &HeaderMap) -> GuestResponse {
    explained(reason, explanation(reason), headers)
}

/// A refusal with an explanation of its own.
pub(crate) fn explained(
    reason: Reason,
    explanation: &'static str,
    headers: &HeaderMap,
) -> GuestResponse {
    let status = reason.status();
    let (content_type, body) = match ErrorForm::wanted(headers) {
        ErrorForm::Plain => (MediaType::Text, plain(status, explanation).into()),
        ErrorForm::Html => (MediaType::Html, html(status, explanation).into()),
        ErrorForm::Json => (MediaType::Json, json(status, explanation)),
    };
    let content_type = HeaderValue::from_static(content_type.as_str());
    let mut response = GuestResponse::new(status, content_type, body, reason);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let soon = HeaderValue::from_static(RETRY_AFTER_SECONDS);
        response.headers.insert(header::RETRY_AFTER, soon);
    }
    response
}

/// What remains of an answer for the request's method.
pub(crate) fn for_method(method: &Method, mut response: GuestResponse) -> GuestResponse {
    if *method == Method::OPTIONS && response.status.is_client_error() {
        // Nova's CORS filter, idle as it is, puts an empty success in place of such a refusal.
        response.status = StatusCode::OK;
        response.headers.remove(header::CONTENT_TYPE);
        response.body = Bytes::new();
    }
    if *method == Method::HEAD {
        let length = if response.status.is_success() {
            response.body.len()
        } else {
            let html = HeaderValue::from_static(MediaType::Html.as_str());
            response.headers.insert(header::CONTENT_TYPE, html);
            0
        };
        response.headers.insert(header::CONTENT_LENGTH, length.into());
        response.body = Bytes::new();
    }
    response
}

fn served(media_type: MediaType, body: Bytes) -> GuestResponse {
    let content_type = HeaderValue::from_static(media_type.as_str());
    GuestResponse::new(StatusCode::OK, content_type, body, Reason::Served)
}

/// Nova's words. A tenant that does not match is told no more than one whose path does not exist.
const fn explanation(reason: Reason) -> &'static str {
    match reason {
        Reason::NoInstanceHeader => "X-Instance-ID header is missing from request.",
        Reason::NoSignatureHeader => "X-Instance-ID-Signature header is missing from request.",
        Reason::NoTenantHeader => "X-Tenant-ID header is missing from request.",
        Reason::BadSignature => "Invalid proxy request signature.",
        _ => match reason.status() {
            StatusCode::NOT_FOUND => "The resource could not be found.",
            StatusCode::SERVICE_UNAVAILABLE => {
                "The server is currently unavailable. Please try again at a later time."
            }
            StatusCode::BAD_REQUEST => {
                "The server could not comply with the request since it is either malformed or \
                 otherwise incorrect."
            }
            _ => "An unknown error has occurred. Please try your request again.",
        },
    }
}

fn plain(status: StatusCode, explanation: &str) -> String {
    format!("{status}\n\n{explanation}\n\n   ")
}

fn html(status: StatusCode, explanation: &str) -> String {
    format!(
        "<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n  <h1>{status}</h1>\n  \
         {explanation}<br /><br />\n\n\n\n </body>\n</html>"
    )
}

fn json(status: StatusCode, explanation: &str) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        message: String,
        code: String,
        title: &'a str,
    }
    let body = innkeeper_documents::encode_json(&Body {
        message: format!("{explanation}<br /><br />\n\n\n"),
        code: status.to_string(),
        title: status.canonical_reason().unwrap_or_default(),
    });
    body.into()
}
