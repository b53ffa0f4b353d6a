//! How long answers took, and what went wrong.

use std::{collections::BTreeMap, time::Duration};

/// Every answer's time, so that any percentile is exact.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    /// In microseconds; sorted once [`Samples::finish`] was called.
    times: Vec<u64>,
    failures: BTreeMap<String, u64>,
    took: Duration,
}

impl Samples {
    /// Notes an answer.
    pub(crate) fn add(&mut self, time: Duration) {
        self.times.push(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Notes that there was none, or not the right one.
    pub(crate) fn failed(&mut self, why: &str) {
        *self.failures.entry(why.to_owned()).or_default() += 1;
    }

    /// Adds what another client noted.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.times.extend(other.times);
        for (why, count) in other.failures {
            *self.failures.entry(why).or_default() += count;
        }
    }

    /// Ends the measurement, which `took` so long.
    pub(crate) fn finish(&mut self, took: Duration) {
        self.times.sort_unstable();
        self.took = took;
    }

    /// Answers.
    pub(crate) fn answers(&self) -> usize {
        self.times.len()
    }

    /// Requests that were not answered with 200.
    pub(crate) fn errors(&self) -> u64 {
        self.failures.values().sum()
    }

    /// What went wrong, and how often.
    pub(crate) fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failures
    }

    /// How long the measurement took.
    pub(crate) fn took(&self) -> Duration {
        self.took
    }

    /// Answers per second.
    pub(crate) fn per_second(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
        let answers = self.times.len() as f64;
        answers / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The microseconds within which `percent` of the answers came.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between nothing and a number of requests, which is far below 2^52"
        )]
        let index = (self.times.len() as f64 * percent / 100.0) as usize;
        self.times.get(index).or_else(|| self.times.last()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_noted() {
        let mut samples = Samples::default();
        for micros in (1..=1000).rev() {
            samples.add(Duration::from_micros(micros));
        }
        let mut other = Samples::default();
        other.failed("no answer in time");
        samples.absorb(other);
        samples.finish(Duration::from_secs(2));
        assert_eq!(samples.percentile(50.0), 501);
        assert_eq!(samples.percentile(99.9), 1000);
        assert_eq!((samples.answers(), samples.errors()), (1000, 1));
        assert!((samples.per_second() - 500.0).abs() < f64::EPSILON);
    }

    #[test]
    fn no_answers_are_no_division_by_nothing() {
        let mut samples = Samples::default();
        samples.finish(Duration::ZERO);
        assert_eq!(samples.percentile(99.9), 0);
        assert!(samples.per_second() < f64::EPSILON);
    }
}
