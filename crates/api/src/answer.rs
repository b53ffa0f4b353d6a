//! Answers in Nova's form, to the byte.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use innkeeper_documents::{Directory, MediaType, Rendered};
use innkeeper_wire::{GuestResponse, Reason};
use serde::Serialize;

use crate::{Sources, accept::ErrorForm};

/// When to ask again what could not be answered just now: at once, in HTTP's unit.
const RETRY_AFTER_SECONDS: &str = "1";

/// What a listing is to its reader.
pub(crate) fn directory(directory: &Directory) -> GuestResponse {
    served(MediaType::Text, directory.listing().into())
}

/// What a document or a listing is to its reader.
pub(crate) fn rendered(rendered: &Rendered, sources: &Sources) -> GuestResponse {
    served(rendered.media_type(), rendered.bytes(&mut |bytes| sources.fill(bytes)))
}

/// Why somebody is not answered, in Nova's words.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    reason: Reason,
    explanation: Cow<'static, str>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::explained(reason, explanation(reason))
    }
}

impl Refusal {
    /// With an explanation of its own.
    pub(crate) fn explained(reason: Reason, explanation: impl Into<Cow<'static, str>>) -> Self {
        Self { status: reason.status(), reason, explanation: explanation.into() }
    }

    /// With a status that is not the reason's.
    pub(crate) const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The answer, in the form that the request's headers ask for. Explanations may repeat what
    /// somebody sent.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> GuestResponse {
        let (status, explanation) = (self.status, &*self.explanation);
        let (content_type, body) = match ErrorForm::wanted(headers) {
            ErrorForm::Plain => (MediaType::Text, plain(status, explanation).into()),
            ErrorForm::Html => (MediaType::Html, html(status, explanation).into()),
            ErrorForm::Json => (MediaType::Json, json(status, explanation)),
        };
        let content_type = HeaderValue::from_static(content_type.as_str());
        let mut response = GuestResponse::new(status, content_type, body, self.reason);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static(RETRY_AFTER_SECONDS);
            response.headers.insert(header::RETRY_AFTER, soon);
        }
        response
    }
}

/// What a posted password is answered.
pub(crate) fn password_kept() -> GuestResponse {
    served(MediaType::Html, Bytes::new())
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
        Reason::NoForwardedFor => "X-Forwarded-For is missing from request.",
        _ => match reason.status() {
            StatusCode::NOT_FOUND => "The resource could not be found.",
            StatusCode::CONFLICT => "There was a conflict when trying to complete your request.",
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
    format!("{status}\n\n{}\n\n   ", without_tags(explanation))
}

fn html(status: StatusCode, explanation: &str) -> String {
    let explanation = escaped(explanation);
    format!(
        "<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n  <h1>{status}</h1>\n  \
         {explanation}<br /><br />\n\n\n\n </body>\n</html>"
    )
}

/// Plain text is made of HTML: what looks like a tag is lost.
fn without_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        // No tag ends after this: looking on would take time by the square of the length.
        let Some((_, after)) = tag.split_once('>') else { break };
        kept.push_str(before);
        rest = after;
    }
    kept.push_str(rest);
    kept
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            ascii if ascii.is_ascii() => escaped.push(ascii),
            other => escaped.push_str(&format!("&#{};", u32::from(other))),
        }
    }
    escaped
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_whole_tag_is_lost() {
        for (text, kept) in
            [("a<b>c<<d>e", "ace"), ("a<b>c<d<e", "ac<d<e"), ("a>b<", "a>b<"), ("<<<", "<<<")]
        {
            assert_eq!(without_tags(text), kept, "{text}");
        }
    }

    #[test]
    fn what_somebody_sent_is_shown_as_text() {
        let refusal = Refusal::explained(Reason::NotOnePort, "<script>\"é'</script> & a < b");
        let shown = |accept| {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            String::from_utf8(refusal.answer(&headers).body.to_vec()).unwrap()
        };
        let html = shown("text/html");
        assert!(
            html.contains("&lt;script&gt;&quot;&#233;&#x27;&lt;/script&gt; &amp; a &lt; b"),
            "{html}"
        );
        assert_eq!(shown("text/plain"), "400 Bad Request\n\n\"é' & a < b\n\n   ");
        let json = shown("application/json");
        assert!(
            json.contains(r#""message": "<script>\"\u00e9'</script> & a < b<br /><br />"#),
            "{json}"
        );
    }
}
