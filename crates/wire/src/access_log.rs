//! The one line per guest request, written where HTTP enters a process.

use std::{
    borrow::Cow,
    fmt::{Display, Write as _},
};

use http::{Method, uri::PathAndQuery};
use uuid::Uuid;

use crate::{GuestResponse, HopReport, RequestId};

/// Characters of a guest's method and path that a log line shows.
const METHOD_CHARS_MAX: usize = 16;
/// See [`METHOD_CHARS_MAX`].
const PATH_CHARS_MAX: usize = 256;
/// What a source mostly takes: a word, an id and an address.
const SOURCE_CHARS: usize = 64;
/// About what one hop takes in the line.
const HOP_CHARS: usize = 16;

/// What the line tells of a request.
#[derive(Debug)]
pub struct GuestLine<'a> {
    /// The request's id.
    pub request_id: RequestId,
    /// The guest's method.
    pub method: &'a Method,
    /// The guest's path and query.
    pub target: &'a PathAndQuery,
    /// Whom it came from, as far as this process knows.
    pub source: &'a str,
}

impl GuestLine<'_> {
    /// Writes the line for `response`, whose reports include this process's own.
    ///
    /// Each value is made a text first, in one piece: a formatter that is asked for it piece by
    /// piece, through all that lies between it and the line, took more than twice the instructions.
    pub fn log(&self, response: &GuestResponse) {
        let (mut request_id, mut instance) = (RequestId::TEXT, Uuid::encode_buffer());
        let instance =
            response.instance.map(|id| &*id.uuid().hyphenated().encode_lower(&mut instance));
        tracing::info!(
            target: "guest",
            request_id = %self.request_id.encode(&mut request_id),
            method = %shortened(self.method.as_str(), METHOD_CHARS_MAX),
            path = %shortened(self.target.as_str(), PATH_CHARS_MAX),
            source = %self.source,
            status = response.status.as_u16(),
            reason = response.reason.as_str(),
            instance = instance.map(tracing::field::display),
            hops = %hops(&response.reports),
        );
    }
}

/// The text of whoever or whatever a request came from.
pub fn source_text(source: &impl Display) -> String {
    // At once: it would else grow piece by piece.
    let mut text = String::with_capacity(SOURCE_CHARS);
    write!(text, "{source}").expect("writing to a string cannot fail");
    text
}

/// `api=412us agent=630us`.
fn hops(reports: &[HopReport]) -> String {
    let mut text = String::with_capacity(reports.len() * HOP_CHARS);
    for report in reports {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(report.hop.as_str());
        text.push('=');
        text.push_str(itoa::Buffer::new().format(report.took.as_micros()));
        text.push_str("us");
    }
    text
}

/// A guest's text without anything that could pass for another line or field.
fn shortened(text: &str, chars_max: usize) -> Cow<'_, str> {
    // As nearly all are.
    if text.len() <= chars_max && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(text);
    }
    let mut chars = text.chars();
    let mut shown = String::new();
    for character in chars.by_ref().take(chars_max) {
        match character {
            '!'..='~' => shown.push(character),
            _ => shown.extend(character.escape_unicode()),
        }
    }
    if chars.next().is_some() {
        shown.push_str("...");
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Hop, Reason};

    #[test]
    fn guests_write_no_lines() {
        assert_eq!(shortened("/a\nb\u{202e}c", 9), "/a\\u{a}b\\u{202e}c");
        assert_eq!(shortened("/abcdef", 3), "/ab...");
        assert_eq!(shortened("/abcdef", 7), "/abcdef");
    }

    #[test]
    fn hops_show_their_time() {
        let report =
            |hop, us| HopReport { hop, took: Duration::from_micros(us), reason: Reason::Served };
        let reports = [report(Hop::Api, 412), report(Hop::Agent, 630)];
        assert_eq!(hops(&reports), "api=412us agent=630us");
    }
}
