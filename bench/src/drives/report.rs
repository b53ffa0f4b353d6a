//! The figures of drives: medians over the rounds, as a table and as JSON.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::contender::{Contender, Workshop, genisoimage_version};
use crate::report::described;

/// All figures of a run.
#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    files: usize,
    file_bytes: usize,
    image_bytes: usize,
    rows: BTreeMap<Contender, Vec<Duration>>,
}

/// One row of the JSON.
#[derive(Debug, Serialize)]
struct Row {
    contender: &'static str,
    drives_per_second: f64,
    microseconds_per_drive: f64,
    rounds: usize,
}

impl Report {
    pub(crate) fn new(workshop: &Workshop) -> anyhow::Result<Self> {
        let (files, file_bytes, image_bytes) = workshop.sizes();
        let machine = described("core used", &genisoimage_version()?);
        Ok(Self { machine, files, file_bytes, image_bytes, rows: BTreeMap::new() })
    }

    /// Adds one measurement: what a drive took.
    pub(crate) fn add(&mut self, contender: Contender, per_drive: Duration) {
        self.rows.entry(contender).or_default().push(per_drive);
    }

    /// The table, with what it was measured on.
    pub(crate) fn markdown(&self) -> String {
        let Self { machine, files, file_bytes, image_bytes, .. } = self;
        let mut text = format!(
            "{machine}\n\nA drive of {files} files with {file_bytes} bytes; the image has \
             {image_bytes} bytes.\n\n| how | drives/s | µs per drive |\n|---|---:|---:|\n",
        );
        for row in self.medians() {
            let Row { contender, drives_per_second, microseconds_per_drive, .. } = row;
            text += &format!(
                "| {contender} | {drives_per_second:.0} | {microseconds_per_drive:.0} |\n"
            );
        }
        text
    }

    /// The figures for programs.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        let document = serde_json::json!({
            "machine": self.machine,
            "files": self.files,
            "file_bytes": self.file_bytes,
            "image_bytes": self.image_bytes,
            "rows": self.medians(),
        });
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    fn medians(&self) -> Vec<Row> {
        let row = |(contender, rounds): (&Contender, &Vec<Duration>)| {
            let seconds = median(rounds).as_secs_f64();
            Row {
                contender: contender.name(),
                drives_per_second: 1.0 / seconds,
                microseconds_per_drive: seconds * 1e6,
                rounds: rounds.len(),
            }
        };
        self.rows.iter().map(row).collect()
    }
}

fn median(rounds: &[Duration]) -> Duration {
    let mut rounds = rounds.to_vec();
    rounds.sort();
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let rounds = [30, 10, 20].map(Duration::from_micros);
        assert_eq!(median(&rounds), Duration::from_micros(20));
    }
}
