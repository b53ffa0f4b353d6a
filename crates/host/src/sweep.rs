//! A look at everything, in as many passes as it takes.

use std::time::{Duration, Instant};

/// A look at all names in their order. It goes on where the one before was broken off.
#[derive(Debug)]
pub(crate) struct Sweep {
    until: Option<Instant>,
    /// The last name that was looked at, by this sweep or the one that it goes on with.
    done: Option<String>,
    has_looked: bool,
    is_broken_off: bool,
}

impl Sweep {
    /// One that goes on behind `done` and takes `at_most` so long; longer only for one name.
    pub(crate) fn go_on(done: Option<String>, at_most: Option<Duration>) -> Self {
        let until = at_most.map(|at_most| Instant::now() + at_most);
        Self { until, done, has_looked: false, is_broken_off: false }
    }

    /// Whether it is this name's turn; names are asked for in their order.
    pub(crate) fn reaches(&mut self, name: &str) -> bool {
        if self.is_broken_off || self.done.as_deref().is_some_and(|done| name <= done) {
            return false;
        }
        if self.has_looked && self.until.is_some_and(|until| Instant::now() >= until) {
            self.is_broken_off = true;
            return false;
        }
        self.has_looked = true;
        self.done = Some(name.to_owned());
        true
    }

    /// Allows that much more: it went by on something else.
    pub(crate) fn put_off(&mut self, by: Duration) {
        self.until = self.until.map(|until| until + by);
    }

    /// Where to go on; nothing if it has come to the end.
    pub(crate) fn rest(self) -> Option<String> {
        self.done.filter(|_| self.is_broken_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn reached(sweep: &mut Sweep) -> Vec<&'static str> {
        NAMES.into_iter().filter(|name| sweep.reaches(name)).collect()
    }

    #[test]
    fn without_a_limit_all_are_reached() {
        let mut sweep = Sweep::go_on(None, None);
        assert_eq!(reached(&mut sweep), NAMES);
        assert_eq!(sweep.rest(), None);
    }

    #[test]
    fn each_pass_reaches_one_at_least_and_together_they_reach_each_once() {
        let (mut done, mut all) = (None, Vec::new());
        for _ in NAMES {
            let mut sweep = Sweep::go_on(done, Some(Duration::ZERO));
            all.extend(reached(&mut sweep));
            done = sweep.rest();
        }
        assert_eq!(all, NAMES);
        assert_eq!(done, None, "the last name ends it");
    }

    #[test]
    fn what_went_by_on_something_else_does_not_count() {
        let mut sweep = Sweep::go_on(None, Some(Duration::ZERO));
        sweep.put_off(Duration::from_secs(60));
        assert_eq!(reached(&mut sweep), NAMES);
    }

    #[test]
    fn names_that_come_and_go_meanwhile_stop_nothing() {
        let mut sweep = Sweep::go_on(Some("bb".to_owned()), None);
        assert_eq!(reached(&mut sweep), ["c", "d", "e"]);
        let mut sweep = Sweep::go_on(Some("z".to_owned()), None);
        assert_eq!((reached(&mut sweep).len(), sweep.rest()), (0, None));
    }
}
