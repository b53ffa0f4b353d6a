//! All figures of a run: medians over the rounds, as tables, as JSON and as plots.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use serde::Serialize;

use super::{
    ratios,
    requests::{Figures, Scenario},
    storm::Storm,
    svg::{Bar, Line, bars, lines},
    tables,
    usage::load_average,
};
use crate::load::Connections;

/// Who was measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    /// The place among others.
    pub(super) place: usize,
    /// As the report calls it.
    pub(super) name: String,
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Report {
    machine: String,
    /// The same without what was added later, for plots.
    caption: String,
    /// How much was measured.
    extent: String,
    /// The machine's load average when it began: of whoever else uses it.
    load_before: String,
    requests: BTreeMap<(Scenario, Who), Vec<Figures>>,
    storms: BTreeMap<Who, Vec<Storm>>,
}

/// A row: medians over the rounds; errors are summed.
#[derive(Debug, Serialize)]
pub(super) struct RequestRow {
    pub(super) document: &'static str,
    pub(super) mode: &'static str,
    pub(super) connections: usize,
    pub(super) contender: String,
    pub(super) rounds: usize,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// The same of boot storms.
#[derive(Debug, Serialize)]
pub(super) struct StormRow {
    pub(super) contender: String,
    pub(super) rounds: usize,
    #[serde(flatten)]
    pub(super) storm: Storm,
}

impl Report {
    /// No figures yet, of what is measured on `machine`.
    pub(super) fn new(machine: String, extent: String) -> Self {
        Self {
            caption: machine.clone(),
            machine,
            extent,
            load_before: load_average(),
            requests: BTreeMap::new(),
            storms: BTreeMap::new(),
        }
    }

    /// Tells of further programs that were measured.
    pub(super) fn also(&mut self, versions: &str) {
        self.machine = format!("{}, {versions}", self.machine);
    }

    pub(super) fn add(&mut self, scenario: Scenario, who: &Who, figures: Figures) {
        self.requests.entry((scenario, who.clone())).or_default().push(figures);
    }

    pub(super) fn add_storm(&mut self, who: &Who, storm: Storm) {
        self.storms.entry(who.clone()).or_default().push(storm);
    }

    /// Requests that failed, of those whose failing is ours to mend or says that the benchmark is
    /// wrong: what OpenStack's path could not do is a figure like others.
    pub(super) fn errors(&self, is_ours: impl Fn(&Who) -> bool) -> u64 {
        let requests = self.requests.iter().filter(|((_, who), _)| is_ours(who));
        let requests = requests.flat_map(|(_, rounds)| rounds).map(|figures| figures.errors);
        let storms = self.storms.iter().filter(|(who, _)| is_ours(who));
        let storms = storms.flat_map(|(_, rounds)| rounds).map(|storm| storm.errors);
        requests.chain(storms).sum()
    }

    /// The tables, with what they were measured on.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "{}; {}; load average {} before and {} after\n",
            self.machine,
            self.extent,
            self.load_before,
            load_average()
        );
        let rows = self.request_rows();
        text += &ratios::table(&rows);
        text += &tables::requests(&rows);
        text += &tables::storms(&self.storm_rows());
        text
    }

    /// The figures for programs.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let document = serde_json::json!({
            "machine": self.machine,
            "extent": self.extent,
            "load_average": { "before": self.load_before, "after": load_average() },
            "requests": self.request_rows(),
            "storms": self.storm_rows(),
        });
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    /// Writes tables, figures and plots into a directory.
    pub(super) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(directory)?;
        let put = |name: &str, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))
        };
        let mut page = format!("# Beside its peers\n\n{PREFACE}");
        for (what, name, plot) in self.plots() {
            put(name, &plot)?;
            page += &format!("![{what}]({name})\n\n");
        }
        put("peers.json", &self.json()?)?;
        page += &self.markdown();
        put("peers.md", &page)
    }

    /// What each shows, its file's name, and itself.
    fn plots(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut plots = Vec::new();
        if !self.requests.is_empty() {
            let (close, kept) = (Connections::PerRequest, Connections::Kept);
            plots.push((close.name(), "peers-close.svg", self.plot(close)));
            plots.push((kept.name(), "peers-kept.svg", self.plot(kept)));
        }
        if !self.storms.is_empty() {
            let rows = self.storm_rows().into_iter();
            let bar = |row: StormRow| Bar { name: row.contender, value: row.storm.total_seconds };
            let all: Vec<_> = rows.map(bar).collect();
            let title = "boot storm: seconds until the last guest had all";
            let plot = bars(title, &self.caption, &all);
            plots.push(("boot storm", "peers-storm.svg", plot));
        }
        plots
    }

    /// Requests per second for `meta_data.json` over connections, a line for each contender.
    fn plot(&self, keep: Connections) -> String {
        let mut found: BTreeMap<&Who, Vec<(usize, f64)>> = BTreeMap::new();
        for ((scenario, who), rounds) in &self.requests {
            if scenario.keep == keep && scenario.document == super::requests::Document::MetaData {
                let value = median(rounds, |figures| figures.requests_per_second);
                found.entry(who).or_default().push((scenario.connections, value));
            }
        }
        let all: Vec<_> = found
            .into_iter()
            .map(|(who, points)| Line { name: who.name.clone(), points })
            .collect();
        let title = format!("meta_data.json, {}: requests per second", keep.name());
        lines(&title, &self.caption, "connections", &all)
    }

    fn request_rows(&self) -> Vec<RequestRow> {
        let row = |((scenario, who), rounds): (&(Scenario, Who), &Vec<Figures>)| RequestRow {
            document: scenario.document.name(),
            mode: scenario.keep.name(),
            connections: scenario.connections,
            contender: who.name.clone(),
            rounds: rounds.len(),
            figures: Figures {
                requests_per_second: median(rounds, |f| f.requests_per_second),
                p50_us: median(rounds, |f| f.p50_us),
                p99_us: median(rounds, |f| f.p99_us),
                p999_us: median(rounds, |f| f.p999_us),
                errors: rounds.iter().map(|f| f.errors).sum(),
                cpu_seconds_per_1000: medians(rounds, |f| &f.cpu_seconds_per_1000),
                memory_kib: medians(rounds, |f| &f.memory_kib),
                generator: median(rounds, |f| f.generator),
                failures: sums(rounds.iter().map(|f| &f.failures)),
            },
        };
        self.requests.iter().map(row).collect()
    }

    fn storm_rows(&self) -> Vec<StormRow> {
        let row = |(who, rounds): (&Who, &Vec<Storm>)| StormRow {
            contender: who.name.clone(),
            rounds: rounds.len(),
            storm: Storm {
                total_seconds: median(rounds, |s| s.total_seconds),
                guest_p50_seconds: median(rounds, |s| s.guest_p50_seconds),
                p50_us: median(rounds, |s| s.p50_us),
                p99_us: median(rounds, |s| s.p99_us),
                p999_us: median(rounds, |s| s.p999_us),
                requests: median(rounds, |s| s.requests),
                errors: rounds.iter().map(|s| s.errors).sum(),
                cpu_seconds: medians(rounds, |s| &s.cpu_seconds),
                memory_kib: medians(rounds, |s| &s.memory_kib),
                failures: sums(rounds.iter().map(|s| &s.failures)),
            },
        };
        self.storms.iter().map(row).collect()
    }
}

const PREFACE: &str = "What `./x bench` measured, from guests behind a router's redirect: every \
contender answers on the same port of the same namespace, and they take turns. Figures are medians \
over the rounds, of answers; those of all contenders are in [peers.json](peers.json), too. All \
databases are in memory.\n\nThe load generator is one thread on the same cores, and sends the next \
request on a connection when it has the answer to the one before: where it takes a whole processor \
itself, as the last column says, the answering side could do more, and processor time says how they \
compare. Innkeeper writes its lines as soon as a thread has nothing else to do, nginx gathers them for \
a second, and not at all where `access_log` is off. The kernel's limits are of a program of one \
thread that reads a request and writes what was prepared, and of three of them, a proxy, an agent and an \
API, that pass bytes on; they do next to nothing else.\n\nOf OpenStack, Keystone is stubbed, and nothing else but where a row \
says so; its haproxy's log goes nowhere; Nova runs four processes of one thread under uWSGI, since \
uncached requests stall with Debian's 32 threads. It has one instance, so that there are no storms and \
no first reads, and no row of 512 connections, with which requests take longer than guests wait. nginx \
with files has no storms: it takes a file for a directory where a path ends in a slash.\n\n";

/// The middle one of what the rounds gave.
pub(super) fn median<R, T>(rounds: &[R], of: impl Fn(&R) -> T) -> T
where
    T: PartialOrd + Copy + Default,
{
    let mut values: Vec<T> = rounds.iter().map(of).collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn medians<R, T>(
    rounds: &[R],
    of: impl Fn(&R) -> &BTreeMap<&'static str, T>,
) -> BTreeMap<&'static str, T>
where
    T: PartialOrd + Copy + Default,
{
    let names = rounds.iter().flat_map(|round| of(round).keys().copied());
    let value = |name| median(rounds, |round| of(round).get(name).copied().unwrap_or_default());
    names.map(|name| (name, value(name))).collect()
}

fn sums<'a>(rounds: impl Iterator<Item = &'a BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (why, count) in rounds.flatten() {
        *all.entry(why.clone()).or_default() += count;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3_u64, 1, 2], |value| *value), 2);
        assert_eq!(median(&[] as &[u64], |value| *value), 0);
    }

    #[test]
    fn components_have_medians_of_their_own() {
        let rounds = [(1, 9), (2, 7), (3, 8)]
            .map(|(agent, api)| BTreeMap::from([("agent", agent), ("api", api)]));
        assert_eq!(medians(&rounds, |round| round), BTreeMap::from([("agent", 2), ("api", 8)]));
    }
}
