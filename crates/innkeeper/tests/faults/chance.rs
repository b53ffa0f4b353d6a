//! Chance that can be had again.

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

/// Says which seed to take, for having the same again.
const VARIABLE: &str = "LAB_SEED";

/// A source of numbers (xorshift64*): not secret, only spread.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// By the variable, else by the clock.
    pub(crate) fn from_environment() -> Self {
        let named = env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        let clock = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.as_secs() ^ u64::from(now.subsec_nanos())
        };
        let seed: u64 = named.unwrap_or_else(clock);
        // A state of zero would stay zero.
        Self { seed, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// What it began with.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok().filter(|count| *count > 0)?;
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        of.get(usize::try_from(number % count).ok()?)
    }
}
