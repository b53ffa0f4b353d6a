//! What the absolute figures of a shared machine cannot say: how one does beside another, measured
//! in the same run.

use std::collections::BTreeMap;

use super::{contender::Contender, openstack::Caching, report::RequestRow};

/// Where a ratio is of: document, mode, connections.
type Place = (&'static str, &'static str, usize);

/// A table of ours beside the fastest nginx, the kernel's limits and OpenStack: requests per second
/// of ours for each of theirs.
pub(super) fn table(rows: &[RequestRow]) -> String {
    let mut places: BTreeMap<Place, Vec<&RequestRow>> = BTreeMap::new();
    for row in rows {
        places.entry((row.document, row.mode, row.connections)).or_default().push(row);
    }
    let columns = columns();
    let named: Vec<_> = columns
        .iter()
        .filter(|column| places.values().any(|rows| column.of(rows).is_some()))
        .collect();
    if named.is_empty() {
        return String::new();
    }
    let mut text = "\nOurs for one of theirs; where nginx is named, the fastest of its \
                    configurations.\n\n| document | connections | at once |"
        .to_owned();
    text.extend(named.iter().map(|column| format!(" {} |", column.name)));
    text += "\n|---|---|---:|";
    text.extend(named.iter().map(|_| "---:|"));
    text.push('\n');
    for ((document, mode, connections), rows) in &places {
        text += &format!("| {document} | {mode} | {connections} |");
        for column in &named {
            let ratio = column.of(rows).map_or_else(|| "–".to_owned(), shown);
            text += &format!(" {ratio} |");
        }
        text.push('\n');
    }
    text
}

/// A ratio of one figure of ours to the same of theirs.
struct Column {
    name: &'static str,
    ours: Contender,
    theirs: fn(&str) -> bool,
    figure: fn(&RequestRow) -> f64,
}

impl Column {
    fn of(&self, rows: &[&RequestRow]) -> Option<f64> {
        let ours = rows.iter().find(|row| row.contender == self.ours.name())?;
        let theirs = rows.iter().filter(|row| (self.theirs)(&row.contender));
        let theirs = theirs.max_by(|a, b| speed(a).total_cmp(&speed(b)))?;
        let (ours, theirs) = ((self.figure)(ours), (self.figure)(theirs));
        (theirs > 0.0).then(|| ours / theirs)
    }
}

fn columns() -> [Column; 10] {
    let one = |name, theirs, figure| Column { name, ours: Contender::OneProcess, theirs, figure };
    let nginx = |name: &str| name.starts_with("nginx");
    [
        one("serve ÷ nginx", nginx, speed),
        one("its p99 ÷ nginx's", nginx, p99),
        one("its CPU ÷ nginx's", nginx, cpu),
        Column {
            name: "three processes ÷ nginx",
            ours: Contender::ThreeProcesses,
            theirs: nginx,
            figure: speed,
        },
        one("serve ÷ kernel's limit", |name| name == Contender::Raw.name(), speed),
        Column {
            name: "three processes ÷ kernel's limit of three",
            ours: Contender::ThreeProcesses,
            theirs: |name| name == Contender::RawChain.name(),
            figure: speed,
        },
        one("serve ÷ OpenStack as it ships", |name| name == Caching::AsShipped.name(), speed),
        one("its CPU ÷ OpenStack's as it ships", |name| name == Caching::AsShipped.name(), cpu),
        one("serve ÷ OpenStack at its best", |name| name == Caching::Best.name(), speed),
        one("serve ÷ OpenStack uncached", |name| name == Caching::Nothing.name(), speed),
    ]
}

fn speed(row: &RequestRow) -> f64 {
    row.figures.requests_per_second
}

#[allow(clippy::cast_precision_loss, reason = "no request takes 2^52 µs")]
fn p99(row: &RequestRow) -> f64 {
    row.figures.p99_us as f64
}

fn cpu(row: &RequestRow) -> f64 {
    row.figures.cpu_seconds_per_1000.values().sum()
}

/// With as many digits as say something.
fn shown(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 100.0 => format!("{ratio:.0}"),
        ratio if ratio >= 0.1 => format!("{ratio:.2}"),
        ratio => format!("{ratio:.5}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::{nginx::From, requests::Figures};

    fn row(contender: Contender, requests_per_second: f64) -> RequestRow {
        RequestRow {
            document: "meta_data.json",
            mode: "keep-alive",
            connections: 8,
            contender: contender.name().to_owned(),
            rounds: 1,
            figures: Figures { requests_per_second, ..Figures::default() },
        }
    }

    #[test]
    fn ours_is_beside_the_fastest_nginx() {
        let rows = [
            row(Contender::OneProcess, 300.0),
            row(Contender::Nginx(From::Files, true), 100.0),
            row(Contender::Nginx(From::Memory, true), 200.0),
        ];
        let table = table(&rows);
        assert!(table.contains("| serve ÷ nginx |"), "{table}");
        assert!(table.contains("| meta_data.json | keep-alive | 8 | 1.50 |"), "{table}");
        assert!(!table.contains("OpenStack"), "{table}");
    }

    #[test]
    fn as_many_processes_are_beside_each_other() {
        let rows = [
            row(Contender::OneProcess, 300.0),
            row(Contender::ThreeProcesses, 100.0),
            row(Contender::Raw, 600.0),
            row(Contender::RawChain, 400.0),
        ];
        let table = table(&rows);
        let columns = "| serve ÷ kernel's limit | three processes ÷ kernel's limit of three |";
        assert!(table.contains(columns), "{table}");
        assert!(table.contains("| 8 | 0.50 | 0.25 |"), "{table}");
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        assert_eq!(table(&[row(Contender::OneProcess, 1.0)]), "");
    }
}
