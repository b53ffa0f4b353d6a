//! The tables, in Markdown.

use std::collections::BTreeMap;

use super::report::{RequestRow, StormRow};

const KIB_PER_MIB: f64 = 1024.0;

/// Requests, a row for each scenario and contender.
pub(super) fn requests(rows: &[RequestRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text =
        "\n| document | connections | at once | who answers | requests/s | p50 µs | p99 µs \
                    | p99.9 µs | errors | CPU s per 1,000 | PSS MiB | load generator's CPU |\n\
                    |---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
    for row in rows {
        let f = &row.figures;
        text += &format!(
            "| {} | {} | {} | {} | {:.0} | {} | {} | {} | {} | {} | {} | {:.0} % |\n",
            row.document,
            row.mode,
            row.connections,
            row.contender,
            f.requests_per_second,
            f.p50_us,
            f.p99_us,
            f.p999_us,
            errors(f.errors, &f.failures),
            parts(&f.cpu_seconds_per_1000, |seconds| format!("{seconds:.3}")),
            memory(&f.memory_kib),
            f.generator * 100.0,
        );
    }
    text
}

/// Boot storms, a row for each contender.
pub(super) fn storms(rows: &[StormRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = "\nThe boot storm: all guests at once, each with the requests of its boot, each \
                    request on a new connection.\n\n\
                    | who answers | requests | errors | total s | half of the guests s | p50 µs | p99 µs \
                    | p99.9 µs | CPU s | PSS MiB |\n\
                    |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for row in rows {
        let s = &row.storm;
        text += &format!(
            "| {} | {} | {} | {:.2} | {:.2} | {} | {} | {} | {} | {} |\n",
            row.contender,
            s.requests,
            errors(s.errors, &s.failures),
            s.total_seconds,
            s.guest_p50_seconds,
            s.p50_us,
            s.p99_us,
            s.p999_us,
            parts(&s.cpu_seconds, |seconds| format!("{seconds:.2}")),
            memory(&s.memory_kib),
        );
    }
    text
}

fn errors(count: u64, failures: &BTreeMap<String, u64>) -> String {
    let most = failures.iter().max_by_key(|(_, count)| **count);
    most.map_or_else(|| count.to_string(), |(why, _)| format!("{count} ({why})"))
}

/// The sum, and each part of it where there are several.
fn parts(values: &BTreeMap<&'static str, f64>, show: impl Fn(f64) -> String) -> String {
    let sum = show(values.values().sum());
    if values.len() < 2 {
        return sum;
    }
    let each = values.iter().map(|(name, value)| format!("{name} {}", show(*value)));
    format!("{sum} ({})", each.collect::<Vec<_>>().join(", "))
}

fn memory(values: &BTreeMap<&'static str, u64>) -> String {
    mib(values.values().sum())
}

/// With one digit after the point.
pub(super) fn mib(kib: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "no machine has 2^52 KiB")]
    let mib = kib as f64 / KIB_PER_MIB;
    format!("{mib:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_where_there_are_several() {
        let show = |value| format!("{value:.1}");
        assert_eq!(parts(&BTreeMap::from([("serve", 1.0)]), show), "1.0");
        let several = BTreeMap::from([("agent", 1.0), ("api", 0.5)]);
        assert_eq!(parts(&several, show), "1.5 (agent 1.0, api 0.5)");
    }

    #[test]
    fn the_most_frequent_failure_is_told() {
        let failures = BTreeMap::from([("reset".to_owned(), 1), ("late".to_owned(), 3)]);
        assert_eq!(errors(4, &failures), "4 (late)");
        assert_eq!(errors(0, &BTreeMap::new()), "0");
    }
}
