//! Hop reports as a header, so that the hop in front can log and count the way behind it:
//! `X-Innkeeper-Hops: api;took=412us;reason=served, agent;took=630us;reason=served`.

use std::{fmt::Write, time::Duration};

use http::HeaderValue;

use crate::{Hop, HopReport, Reason};

/// Reports one answer may carry: there are three hops, and retries add none.
const REPORTS_MAX: usize = 8;
/// Hops on the whole way.
const HOPS_MAX: usize = 3;
/// Bytes of one report, about.
const REPORT_BYTES: usize = 36;

/// Writes reports, the farthest hop first.
pub fn encode_hops(reports: &[HopReport]) -> HeaderValue {
    let mut text = String::with_capacity(HOPS_MAX * REPORT_BYTES);
    for (index, report) in reports.iter().take(REPORTS_MAX).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let (hop, took) = (report.hop.as_str(), report.took.as_micros());
        write!(text, "{comma}{hop};took={took}us;reason={}", report.reason.as_str())
            .expect("writing to a string cannot fail");
    }
    HeaderValue::try_from(text).expect("hops, numbers and reason codes are visible ASCII")
}

/// Reads reports, all of them or none: they only inform.
pub(super) fn decode_hops(text: &str) -> Option<Vec<HopReport>> {
    let mut reports = Vec::with_capacity(HOPS_MAX);
    for report in text.split(", ") {
        if reports.len() == REPORTS_MAX {
            return None;
        }
        reports.push(decode_report(report)?);
    }
    Some(reports)
}

fn decode_report(text: &str) -> Option<HopReport> {
    let mut parts = text.split(';');
    let hop = parts.next()?;
    let hop = [Hop::Proxy, Hop::Agent, Hop::Api].into_iter().find(|known| known.as_str() == hop)?;
    let took = parts.next()?.strip_prefix("took=")?.strip_suffix("us")?.parse().ok()?;
    let reason = Reason::from_code(parts.next()?.strip_prefix("reason=")?)?;
    parts.next().is_none().then_some(HopReport { hop, took: Duration::from_micros(took), reason })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn carried(value: &HeaderValue) -> Vec<HopReport> {
        value.to_str().ok().and_then(decode_hops).unwrap_or_default()
    }

    #[test]
    fn is_written_as_documented() {
        let reports = [
            HopReport { hop: Hop::Api, took: Duration::from_micros(412), reason: Reason::Served },
            HopReport { hop: Hop::Agent, took: Duration::from_micros(630), reason: Reason::Served },
        ];
        assert_eq!(
            encode_hops(&reports),
            "api;took=412us;reason=served, agent;took=630us;reason=served"
        );
        assert_eq!(carried(&encode_hops(&reports)), reports);
        assert_eq!(carried(&encode_hops(&[])), []);
        let many = |count| vec!["api;took=1us;reason=served"; count].join(", ");
        assert_eq!(decode_hops(&many(REPORTS_MAX)).map(|reports| reports.len()), Some(REPORTS_MAX));
        assert_eq!(decode_hops(&many(REPORTS_MAX + 1)), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            parts in proptest::collection::vec(
                (0_usize..3, any::<u64>(), 0..Reason::ALL.len()), 0..=REPORTS_MAX)
        ) {
            let reports: Vec<_> = parts
                .into_iter()
                .map(|(hop, took, reason)| HopReport {
                    hop: [Hop::Proxy, Hop::Agent, Hop::Api][hop],
                    took: Duration::from_micros(took),
                    reason: Reason::ALL[reason],
                })
                .collect();
            prop_assert_eq!(carried(&encode_hops(&reports)), reports);
        }

        #[test]
        fn anything_at_all_is_answered(text in "(api|agent|[;,= ]|took=|us|reason=|[0-9]|.){0,40}") {
            if let Ok(value) = HeaderValue::from_str(&text) {
                let _ = carried(&value);
            }
        }
    }
}
