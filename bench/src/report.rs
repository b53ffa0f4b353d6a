//! The figures: medians over the rounds, as a table and as JSON.

use std::{collections::BTreeMap, fs, time::SystemTime};

use serde::Serialize;

use crate::load::{Connections, Load, Outcome};

/// All figures of a run.
#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    rows: BTreeMap<Place, Vec<Figures>>,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    /// The place among others.
    pub(crate) place: usize,
    /// As the report calls it.
    pub(crate) name: &'static str,
}

/// A row, in the order of the report.
type Place = (Connections, usize, Who);

#[derive(Debug, Clone, Copy)]
struct Figures {
    per_second: f64,
    p50_us: u64,
    p99_us: u64,
    errors: u64,
}

/// One row of the JSON: medians over the rounds, errors summed.
#[derive(Debug, Serialize)]
struct Row {
    mode: &'static str,
    connections: usize,
    contender: &'static str,
    requests_per_second: f64,
    p50_us: u64,
    p99_us: u64,
    errors: u64,
    rounds: usize,
}

impl Report {
    /// No figures yet, of what is measured on `machine`.
    pub(crate) fn new(machine: String) -> Self {
        Self { machine, rows: BTreeMap::new() }
    }

    /// Adds one measurement.
    pub(crate) fn add(&mut self, who: Who, load: &Load, outcome: &Outcome) {
        let place = (load.keep, load.connections, who);
        let Outcome { per_second, p50_us, p99_us, errors } = *outcome;
        self.rows.entry(place).or_default().push(Figures { per_second, p50_us, p99_us, errors });
    }

    /// Requests that failed, over everything.
    pub(crate) fn errors(&self) -> u64 {
        self.rows.values().flatten().map(|figures| figures.errors).sum()
    }

    /// The table, with what it was measured on.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "{}\n\n| connections | at once | who answers | requests/s | p50 µs | p99 µs | errors |\n\
             |---|---:|---|---:|---:|---:|---:|\n",
            self.machine
        );
        for row in self.medians() {
            text += &format!(
                "| {} | {} | {} | {:.0} | {} | {} | {} |\n",
                row.mode,
                row.connections,
                row.contender,
                row.requests_per_second,
                row.p50_us,
                row.p99_us,
                row.errors
            );
        }
        text
    }

    /// The figures for programs.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        let document = serde_json::json!({ "machine": self.machine, "rows": self.medians() });
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    fn medians(&self) -> Vec<Row> {
        let row = |((keep, connections, who), rounds): (&Place, &Vec<Figures>)| Row {
            mode: keep.name(),
            connections: *connections,
            contender: who.name,
            requests_per_second: median(rounds, |f| f.per_second),
            p50_us: median(rounds, |f| f.p50_us),
            p99_us: median(rounds, |f| f.p99_us),
            errors: rounds.iter().map(|f| f.errors).sum(),
            rounds: rounds.len(),
        };
        self.rows.iter().map(row).collect()
    }
}

fn median<T: PartialOrd + Copy + Default>(rounds: &[Figures], of: impl Fn(&Figures) -> T) -> T {
    let mut values: Vec<T> = rounds.iter().map(of).collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The processor, its number of `cores`, the kernel, what it was measured `beside` and the date.
pub(crate) fn described(cores: &str, beside: &str) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {count} {cores}, Linux {}, {beside}, {}", kernel.trim(), today())
}

/// The date in UTC (civil from days, proleptic Gregorian).
fn today() -> String {
    let seconds =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let figures = |per_second| Figures { per_second, p50_us: 0, p99_us: 0, errors: 0 };
        let rounds = [figures(3.0), figures(1.0), figures(2.0)];
        assert!((median(&rounds, |f| f.per_second) - 2.0).abs() < f64::EPSILON);
        assert_eq!(median(&[], |f| f.p50_us), 0);
    }
}
