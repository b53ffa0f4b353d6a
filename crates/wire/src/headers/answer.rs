//! The headers of an answer of another hop, taken apart: what reaches the guest, and what only hops
//! tell each other.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use innkeeper_model::InstanceId;

use super::{EC2_TOKEN_TTL, HOPS, INSTANCE, REASON, hops::decode_hops};
use crate::{HopReport, Reason, hop::HEADERS_ROOM};

/// The headers of an answer that reach the guest; all others concern one hop, or only the server
/// that wrote them.
static ANSWER_HEADERS: [HeaderName; 9] = [
    header::CONTENT_TYPE,
    // A compressed body is passed on as it is, so it must be called so.
    header::CONTENT_ENCODING,
    header::ETAG,
    header::LAST_MODIFIED,
    header::CACHE_CONTROL,
    header::VARY,
    header::RETRY_AFTER,
    // With 405.
    header::ALLOW,
    EC2_TOKEN_TTL,
];

/// What the headers of an answer say.
#[derive(Debug, Default)]
pub(crate) struct AnswerHeaders {
    /// What reaches the guest.
    pub(crate) for_guest: HeaderMap,
    /// Why the answer is what it is; hops of ours say so.
    pub(crate) reason: Option<Reason>,
    /// Which machine was answered.
    pub(crate) instance: Option<InstanceId>,
    /// The hops behind, the farthest first.
    pub(crate) reports: Vec<HopReport>,
}

impl AnswerHeaders {
    /// Reads them one by one: none is looked for, and of most no name is made. Nothing if a value
    /// that reaches the guest is none.
    pub(crate) fn read<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<Self> {
        let mut for_guest = HeaderMap::with_capacity(HEADERS_ROOM);
        let [mut reason, mut instance, mut hops] = [Once::default(); 3];
        for (name, value) in fields {
            let is = |other: &HeaderName| name.eq_ignore_ascii_case(other.as_str());
            if let Some(name) = ANSWER_HEADERS.iter().find(|name| is(name)) {
                for_guest.append(name, HeaderValue::from_bytes(value).ok()?);
            } else if is(&REASON) {
                reason.say(value);
            } else if is(&INSTANCE) {
                instance.say(value);
            } else if is(&HOPS) {
                hops.say(value);
            }
        }
        Some(Self {
            for_guest,
            reason: reason.said().and_then(Reason::from_code),
            instance: instance.said().and_then(|instance| instance.parse().ok()),
            reports: hops.said().and_then(decode_hops).unwrap_or_default(),
        })
    }

    /// As [`AnswerHeaders::read`], of headers that were read already.
    pub(crate) fn of(fields: &HeaderMap) -> Option<Self> {
        Self::read(fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
    }
}

/// What is said by a header that occurs exactly once.
#[derive(Debug, Clone, Copy, Default)]
struct Once<'a> {
    value: Option<&'a [u8]>,
    is_repeated: bool,
}

impl<'a> Once<'a> {
    fn say(&mut self, value: &'a [u8]) {
        self.is_repeated |= self.value.is_some();
        self.value = Some(value);
    }

    fn said(self) -> Option<&'a str> {
        self.value.filter(|_| !self.is_repeated).and_then(|value| str::from_utf8(value).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    fn read(fields: &[(&'static str, &str)]) -> AnswerHeaders {
        AnswerHeaders::read(fields.iter().map(|(name, value)| (*name, value.as_bytes()))).unwrap()
    }

    #[test]
    fn only_what_is_listed_reaches_the_guest() {
        let answer = read(&[
            ("Content-Type", "text/plain"),
            ("server", "x"),
            ("set-cookie", "x"),
            ("VARY", "a"),
            ("vary", "b"),
            ("connection", "close"),
            ("content-length", "1"),
            ("x-instance-id", ID),
            ("X-Innkeeper-Reason", "served"),
            ("x-innkeeper-instance", ID),
            ("x-innkeeper-hops", "api;took=1us;reason=served"),
        ]);
        let names: Vec<_> = answer.for_guest.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "vary", "vary"]);
        assert_eq!(answer.reason, Some(Reason::Served));
        assert_eq!(answer.instance, Some(ID.parse().unwrap()));
        assert_eq!(answer.reports.len(), 1);
    }

    #[test]
    fn what_hops_say_twice_or_wrong_is_not_said() {
        for fields in [
            &[("x-innkeeper-reason", "served"), ("x-innkeeper-reason", "served")][..],
            &[("x-innkeeper-reason", "no such reason"), ("x-innkeeper-instance", "no id")],
            &[("x-innkeeper-instance", ID), ("X-INNKEEPER-INSTANCE", ID)],
            &[("x-innkeeper-hops", ""), ("x-innkeeper-hops", "api;took=1us;reason=served")],
            &[("x-innkeeper-reason", "\u{fc}")],
        ] {
            let answer = read(fields);
            let said = (answer.reason, answer.instance, answer.reports.len());
            assert_eq!(said, (None, None, 0), "{fields:?}");
        }
    }

    #[test]
    fn a_value_that_is_none_is_not_passed_on() {
        assert!(AnswerHeaders::read([("etag", &b"a\nb"[..])].into_iter()).is_none());
        assert!(AnswerHeaders::read([("server", &b"a\nb"[..])].into_iter()).is_some());
    }
}
