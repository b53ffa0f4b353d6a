//! What came of a replay.

use std::{collections::BTreeMap, fmt};

use crate::{Deviations, compare::Difference};

/// How many differences are shown in full.
const SHOWN_MAX: usize = 10;

/// What came of a replay.
#[derive(Debug)]
pub struct Report {
    cases: BTreeMap<String, Counts>,
    /// Each line with how many answers it excused.
    lines: Vec<(String, usize)>,
    failures: Vec<Failure>,
    left_out: Vec<String>,
    /// What the programs said where something was not as it should be.
    remarks: Vec<String>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    requests: usize,
    equal: usize,
    excused: usize,
    different: usize,
}

/// What came of one request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nova's very answer.
    Equal,
    /// Another one, on purpose: which line says so.
    Excused(usize),
    /// Another one.
    Different(Failure),
    /// It could not be asked, for a reason that is told once.
    NotAsked,
}

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// An answer is not Nova's.
    Answer {
        /// Case, configuration, request.
        request: String,
        difference: Difference,
    },
    /// A case or a configuration could not be asked at all.
    Unasked { what: String, problem: String },
}

impl Report {
    pub(crate) fn new(deviations: &Deviations, left_out: &[String]) -> Self {
        let lines = deviations.lines().iter().map(|line| (line.to_string(), 0)).collect();
        let left_out = left_out.to_vec();
        Self { cases: BTreeMap::new(), lines, failures: Vec::new(), left_out, remarks: Vec::new() }
    }

    pub(crate) fn add(&mut self, case: &str, outcome: Outcome) {
        let counts = self.cases.entry(case.to_owned()).or_default();
        counts.requests += 1;
        match outcome {
            Outcome::Equal => counts.equal += 1,
            Outcome::Excused(line) => {
                counts.excused += 1;
                if let Some((_, excused)) = self.lines.get_mut(line) {
                    *excused += 1;
                }
            }
            Outcome::NotAsked => counts.different += 1,
            Outcome::Different(failure) => {
                counts.different += 1;
                self.failures.push(failure);
            }
        }
    }

    /// Takes note that a case, or all of a configuration, could not be asked.
    pub(crate) fn add_problem(&mut self, what: &str, problem: String) {
        let failure = Failure::Unasked { what: what.to_owned(), problem };
        if !self.failures.contains(&failure) {
            self.failures.insert(0, failure);
        }
    }

    /// Takes note of something that helps to understand the failures.
    pub(crate) fn add_remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.total().requests
    }

    /// How many answers were Nova's, to the byte.
    pub fn equal(&self) -> usize {
        self.total().equal
    }

    /// How many answers were others, though no line of the deviations says so.
    pub fn different(&self) -> usize {
        self.total().different.max(self.failures.len())
    }

    /// The lines of the deviations that excused nothing.
    pub fn unused_lines(&self) -> Vec<&str> {
        let unused = self.lines.iter().filter(|(_, excused)| *excused == 0);
        unused.map(|(line, _)| line.as_str()).collect()
    }

    fn total(&self) -> Counts {
        self.cases.values().fold(Counts::default(), |sum, case| Counts {
            requests: sum.requests + case.requests,
            equal: sum.equal + case.equal,
            excused: sum.excused + case.excused,
            different: sum.different + case.different,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.failures.iter().take(SHOWN_MAX) {
            writeln!(f, "{failure}")?;
        }
        let more = self.failures.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            writeln!(f, "and {more} more\n")?;
        }
        for remark in &self.remarks {
            writeln!(f, "{remark}\n")?;
        }
        let width = self.cases.keys().map(String::len).max().unwrap_or(0).max("total".len());
        let titles = ["requests", "equal", "on the list", "different"];
        writeln!(f, "{:width$}  {}", "case", titles.map(|title| format!("{title:>11}")).join(" "))?;
        let rows = self.cases.iter().map(|(case, counts)| (case.as_str(), *counts));
        for (case, counts) in rows.chain([("total", self.total())]) {
            let Counts { requests, equal, excused, different } = counts;
            let numbers = [requests, equal, excused, different].map(|n| format!("{n:>11}"));
            writeln!(f, "{case:width$}  {}", numbers.join(" "))?;
        }
        if !self.lines.is_empty() {
            writeln!(f, "\non the list, and how many answers each line excuses:")?;
            for (line, excused) in &self.lines {
                writeln!(f, "{excused:>6}  {line}")?;
            }
        }
        for left_out in &self.left_out {
            writeln!(f, "\nnot replayed: {left_out}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { request, difference: Difference { what, nova, ours } } => {
                write!(f, "{request}\n  differs in {what}\n  Nova: {nova}\n  ours: {ours}\n")
            }
            Self::Unasked { what, problem } => writeln!(f, "{what} could not be asked: {problem}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn everything_is_counted_and_nothing_told_twice() {
        let text = "* * GET /a 0 -> 404 # one\n* * GET /b 0 -> 404 # two\n";
        let deviations = Deviations::parse(text, Path::new("d.txt")).expect("deviations");
        let mut report = Report::new(&deviations, &[]);
        report.add("full", Outcome::Equal);
        report.add("full", Outcome::Excused(1));
        assert_eq!((report.requests(), report.equal(), report.different()), (2, 1, 0));
        assert_eq!(report.unused_lines(), ["* * GET /a 0 -> 404 # one"]);

        for _ in 0..2 {
            report.add_problem("odd", "no hostname".to_owned());
        }
        assert_eq!(
            report.different(),
            1,
            "a machine that was not taken, though nobody asked of it"
        );
        report.add("odd", Outcome::NotAsked);
        let difference =
            Difference { what: "the body".to_owned(), nova: "a".to_owned(), ours: "b".to_owned() };
        let request = "full: GET /".to_owned();
        report.add("full", Outcome::Different(Failure::Answer { request, difference }));
        assert_eq!(report.different(), 2);
        let shown = report.to_string();
        assert_eq!(shown.matches("odd could not be asked: no hostname").count(), 1, "{shown}");
        assert!(shown.contains("Nova: a\n  ours: b"), "{shown}");
    }
}
