//! Answers of one service that are kept for a short while, and shared by those who ask at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use crate::question::QuestionKey;

/// JSON text that the kept answers of one service take together: 4,096 answers of 4 KiB. Larger
/// answers make fewer stay.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a service said, or why it said nothing.
pub(crate) type Outcome = Result<Arc<Value>, Arc<str>>;

/// Where an outcome will be, or is.
pub(crate) type Awaited = watch::Receiver<Option<Outcome>>;

/// The kept answers of one service. The least recently used makes room.
#[derive(Debug)]
pub(crate) struct Answers {
    entries_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<QuestionKey, Entry>,
    by_use: BTreeMap<u64, QuestionKey>,
    /// Numbers uses and flights.
    counter: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    flight: u64,
    last_use: u64,
    awaited: Awaited,
    /// `None` while the service is being asked.
    until: Option<Instant>,
    bytes: usize,
}

/// What there is for a question.
#[derive(Debug)]
pub(crate) enum Found {
    /// An answer, or somebody who is asking.
    Kept(Awaited),
    /// Nothing: whoever gets this has to ask.
    Nothing(Flight, Awaited),
}

/// The duty to ask and to tell the others.
#[derive(Debug)]
pub(crate) struct Flight {
    key: QuestionKey,
    number: u64,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Answers {
    /// Keeps up to `entries_max` answers; at least one, so that asking can be shared.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries_max: entries_max.max(1), kept: Mutex::default() }
    }

    /// What there is for the question with this key.
    pub(crate) fn find(&self, key: QuestionKey) -> Found {
        let mut kept = self.lock();
        if let Some(awaited) = kept.fresh(&key) {
            return Found::Kept(awaited);
        }
        kept.remove(&key);
        let (outcome, awaited) = watch::channel(None);
        let number = kept.next();
        let entry = Entry {
            flight: number,
            last_use: number,
            awaited: awaited.clone(),
            until: None,
            bytes: 0,
        };
        kept.by_use.insert(number, key);
        kept.by_key.insert(key, entry);
        kept.make_room(self.entries_max);
        Found::Nothing(Flight { key, number, outcome }, awaited)
    }

    /// Tells everybody who waits for `flight`, and keeps `outcome`, of `bytes`, for `lifetime`.
    pub(crate) fn settle(
        &self,
        flight: Flight,
        outcome: Outcome,
        bytes: usize,
        lifetime: Duration,
    ) {
        let Flight { key, number, outcome: sender } = flight;
        sender.send_replace(Some(outcome));
        let mut kept = self.lock();
        let Some(entry) = kept.by_key.get_mut(&key).filter(|entry| entry.flight == number) else {
            return;
        };
        entry.until = Some(Instant::now() + lifetime);
        entry.bytes = bytes;
        kept.bytes += bytes;
        kept.make_room(self.entries_max);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn fresh(&mut self, key: &QuestionKey) -> Option<Awaited> {
        let now = self.next();
        let entry = self.by_key.get_mut(key)?;
        let is_fresh = match entry.until {
            Some(until) => Instant::now() < until,
            // Whoever asked may have been cut off without a word.
            None => entry.awaited.has_changed().is_ok(),
        };
        if !is_fresh {
            return None;
        }
        self.by_use.remove(&entry.last_use);
        self.by_use.insert(now, *key);
        entry.last_use = now;
        Some(entry.awaited.clone())
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn remove(&mut self, key: &QuestionKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.by_use.remove(&entry.last_use);
            self.bytes -= entry.bytes;
        }
    }

    fn make_room(&mut self, entries_max: usize) {
        while self.by_key.len() > entries_max || self.bytes > BYTES_MAX {
            let Some((_, key)) = self.by_use.first_key_value() else { return };
            let key = *key;
            self.remove(&key);
        }
    }
}
