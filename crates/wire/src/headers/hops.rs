//! Hop reports as a header, so that the hop in front can log and count the way behind it:
//! `X-Innkeeper-Hops: api;took=412us;reason=served, agent;took=630us;reason=served`.

use std::{fmt::Write, time::Duration};

use http::{HeaderMap, HeaderValue};
use innkeeper_model::InstanceId;

use super::{HOPS, INSTANCE, REASON, single};
use crate::{Hop, HopReport, Reason};

/// Reports one answer may carry: there are three hops, and retries add none.
const REPORTS_MAX: usize = 8;

/// Writes reports, the farthest hop first.
pub fn encode_hops(reports: &[HopReport]) -> HeaderValue {
    let mut text = String::new();
    for (index, report) in reports.iter().take(REPORTS_MAX).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let (hop, took) = (report.hop.as_str(), report.took.as_micros());
        write!(text, "{comma}{hop};took={took}us;reason={}", report.reason.as_str())
            .expect("writing to a string cannot fail");
    }
    HeaderValue::try_from(text).expect("hops, numbers and reason codes are visible ASCII")
}

/// Reads reports; anything malformed reads as none, since they only inform.
pub fn decode_hops(fields: &HeaderMap) -> Vec<HopReport> {
    single(fields, &HOPS)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| {
            let reports = text.split(", ").take(REPORTS_MAX + 1).map(decode_report);
            let reports: Vec<_> = reports.collect::<Option<_>>()?;
            (reports.len() <= REPORTS_MAX).then_some(reports)
        })
        .unwrap_or_default()
}

/// Reads why an answer is what it is.
pub fn decode_reason(fields: &HeaderMap) -> Option<Reason> {
    Reason::from_code(single(fields, &REASON)?.to_str().ok()?)
}

/// Reads which machine was answered.
pub fn decode_instance(fields: &HeaderMap) -> Option<InstanceId> {
    single(fields, &INSTANCE)?.to_str().ok()?.parse().ok()
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

    fn carried(value: HeaderValue) -> Vec<HopReport> {
        decode_hops(&HeaderMap::from_iter([(HOPS, value)]))
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
        assert_eq!(carried(encode_hops(&reports)), reports);
        assert_eq!(carried(encode_hops(&[])), []);
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
            prop_assert_eq!(carried(encode_hops(&reports)), reports);
        }

        #[test]
        fn anything_at_all_is_answered(text in "(api|agent|[;,= ]|took=|us|reason=|[0-9]|.){0,40}") {
            if let Ok(value) = HeaderValue::from_str(&text) {
                let _ = carried(value);
            }
        }
    }
}
