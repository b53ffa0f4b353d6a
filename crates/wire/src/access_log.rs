//! The one line per guest request, written where HTTP enters a process.

use std::fmt::{self, Display};

use http::{Method, uri::PathAndQuery};

use crate::{GuestResponse, HopReport, RequestId};

/// Characters of a guest's method and path that a log line shows.
const METHOD_CHARS_MAX: usize = 16;
/// See [`METHOD_CHARS_MAX`].
const PATH_CHARS_MAX: usize = 256;

/// What the line tells of a request.
#[derive(Debug)]
pub struct GuestLine<'a, Source> {
    /// The request's id.
    pub request_id: RequestId,
    /// The guest's method.
    pub method: &'a Method,
    /// The guest's path and query.
    pub target: &'a PathAndQuery,
    /// Whom it came from, as far as this process knows.
    pub source: Source,
}

impl<Source: Display> GuestLine<'_, Source> {
    /// Writes the line for `response`, whose reports include this process's own.
    pub fn log(&self, response: &GuestResponse) {
        tracing::info!(
            target: "guest",
            request_id = %self.request_id,
            method = %Shortened(self.method.as_str(), METHOD_CHARS_MAX),
            path = %Shortened(self.target.as_str(), PATH_CHARS_MAX),
            source = %self.source,
            status = response.status.as_u16(),
            reason = response.reason.as_str(),
            instance = response.instance.map(tracing::field::display),
            hops = %Hops(&response.reports),
        );
    }
}

/// `api=412us agent=630us`.
struct Hops<'a>(&'a [HopReport]);

impl Display for Hops<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, report) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}={}us", report.hop.as_str(), report.took.as_micros())?;
        }
        Ok(())
    }
}

/// A guest's text without anything that could pass for another line or field.
struct Shortened<'a>(&'a str, usize);

impl Display for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As nearly all are: in one piece, not in one for each character.
        if self.0.len() <= self.1 && self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return f.write_str(self.0);
        }
        let mut chars = self.0.chars();
        for shown in chars.by_ref().take(self.1) {
            match shown {
                '!'..='~' => write!(f, "{shown}")?,
                _ => write!(f, "{}", shown.escape_unicode())?,
            }
        }
        if chars.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Hop, Reason};

    #[test]
    fn guests_write_no_lines() {
        assert_eq!(Shortened("/a\nb\u{202e}c", 9).to_string(), "/a\\u{a}b\\u{202e}c");
        assert_eq!(Shortened("/abcdef", 3).to_string(), "/ab...");
    }

    #[test]
    fn hops_show_their_time() {
        let report =
            |hop, us| HopReport { hop, took: Duration::from_micros(us), reason: Reason::Served };
        let reports = [report(Hop::Api, 412), report(Hop::Agent, 630)];
        assert_eq!(Hops(&reports).to_string(), "api=412us agent=630us");
    }
}
