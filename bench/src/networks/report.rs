//! The figures of networks, as tables and as JSON.

use serde_json::json;

use super::{haproxy, ours};
use crate::report::described;

/// What is aimed at for each network: memory of our own in KiB, and time in milliseconds.
const GOAL: (f64, f64) = (32.0, 5.0);

/// All figures of a run.
#[derive(Debug)]
pub(super) struct Report {
    machine: String,
    ours: Vec<ours::Figures>,
    haproxy: Vec<haproxy::Figures>,
}

/// A row: what it says, and the figure of a column.
type Row<T> = (&'static str, fn(&T) -> String);

const OURS: [Row<ours::Figures>; 20] = [
    ("made and served, s", |f| format!("{:.2}", f.served)),
    ("… per network, ms", |f| format!("{:.2}", f.served * 1e3 / count(f.networks))),
    ("… of which until acknowledged, s", |f| format!("{:.2}", f.made)),
    ("processor time of it, s", |f| format!("{:.2}", f.cpu)),
    ("own memory per network (private dirty), KiB", |f| {
        each(f, f.before.private_dirty_kib, f.after.private_dirty_kib)
    }),
    ("… proportional (PSS), KiB", |f| each(f, f.before.pss_kib, f.after.pss_kib)),
    ("… after a restart (private dirty), KiB", |f| {
        each(f, f.before.private_dirty_kib, f.after_restart.private_dirty_kib)
    }),
    ("own memory without networks (private dirty), KiB", |f| {
        f.before.private_dirty_kib.to_string()
    }),
    ("own memory in all (RSS), MiB", |f| format!("{:.1}", kib(f.after.rss_kib) / 1024.0)),
    ("file descriptors", |f| f.after.descriptors.to_string()),
    ("kernel's memory per network (slab), KiB", |f| {
        #[allow(clippy::cast_precision_loss, reason = "far fewer KiB than 2^52")]
        let slab = f.slab as f64;
        format!("{:.0}", slab / count(f.networks))
    }),
    ("a look that changes nothing, ms", |f| format!("{:.1}", f.pass * 1e3)),
    ("idle, % of one core", |f| format!("{:.1}", f.idle_cpu * 1e2)),
    ("one further network served (slowest of 5), ms", |f| format!("{:.0}", f.further * 1e3)),
    ("removed address back, s", |f| format!("{:.2}", f.address_back)),
    ("removed link back, s", |f| format!("{:.2}", f.link_back)),
    ("removed namespace back, s", |f| format!("{:.2}", f.namespace_back)),
    ("all served again after kill -9, s", |f| format!("{:.2}", f.after_kill)),
    ("all removed by `innkeeper host cleanup`, s", |f| format!("{:.2}", f.cleanup)),
    ("all served by a start with a full database, s", |f| format!("{:.2}", f.from_nothing)),
];

const HAPROXY: [Row<haproxy::Figures>; 6] = [
    ("all started, s", |f| format!("{:.2}", f.started)),
    ("… per network, ms", |f| format!("{:.1}", f.started * 1e3 / count(f.processes))),
    ("memory per network (private dirty), KiB", |f| mean(f, f.usage.private_dirty_kib)),
    ("… proportional (PSS), KiB", |f| mean(f, f.usage.pss_kib)),
    ("memory in all (PSS), MiB", |f| format!("{:.1}", kib(f.usage.pss_kib) / 1024.0)),
    ("file descriptors", |f| f.usage.descriptors.to_string()),
];

impl Report {
    pub(super) fn new(beside: &str) -> Self {
        let machine = described("cores shared with the operator", beside);
        Self { machine, ours: Vec::new(), haproxy: Vec::new() }
    }

    pub(super) fn add(&mut self, figures: ours::Figures) {
        self.ours.push(figures);
    }

    pub(super) fn add_haproxy(&mut self, figures: haproxy::Figures) {
        self.haproxy.push(figures);
    }

    /// The tables, with what they were measured on.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.machine);
        text += &table("innkeeper serve, networks", &self.ours, |f| f.networks, &OURS);
        if !self.haproxy.is_empty() {
            text += "\n";
            text += &table("one haproxy each, networks", &self.haproxy, |f| f.processes, &HAPROXY);
        }
        text
    }

    /// The figures for programs.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let (memory, time) = GOAL;
        let document = json!({
            "machine": self.machine,
            "goal": { "kib_per_network": memory, "milliseconds_per_network": time },
            "innkeeper": self.ours,
            "haproxy": self.haproxy,
        });
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }
}

fn table<T>(name: &str, columns: &[T], number: fn(&T) -> usize, rows: &[Row<T>]) -> String {
    let mut text = format!("| {name} |");
    for column in columns {
        text += &format!(" {} |", number(column));
    }
    text += &format!("\n|---|{}\n", "---:|".repeat(columns.len()));
    for (what, of) in rows {
        text += &format!("| {what} |");
        for column in columns {
            text += &format!(" {} |", of(column));
        }
        text += "\n";
    }
    text
}

/// The further networks are there too when memory is looked at.
fn each(figures: &ours::Figures, before: u64, after: u64) -> String {
    format!("{:.1}", (kib(after) - kib(before)) / count(figures.networks + ours::FURTHER))
}

fn mean(figures: &haproxy::Figures, all: u64) -> String {
    format!("{:.0}", kib(all) / count(figures.processes))
}

#[allow(clippy::cast_precision_loss, reason = "far fewer KiB than 2^52")]
const fn kib(kib: u64) -> f64 {
    kib as f64
}

#[allow(clippy::cast_precision_loss, reason = "far fewer networks than 2^52")]
const fn count(networks: usize) -> f64 {
    networks as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_for_each_number_of_networks() {
        let mut report = Report::new("haproxy 1");
        for networks in [10, 100] {
            report.add(ours::Figures { networks, served: 1.0, ..ours::Figures::default() });
        }
        let text = report.markdown();
        assert!(text.contains("| innkeeper serve, networks | 10 | 100 |\n|---|---:|---:|\n"));
        assert!(text.contains("| … per network, ms | 100.00 | 10.00 |"), "{text}");
        assert!(!text.contains("one haproxy each"), "{text}");
    }
}
