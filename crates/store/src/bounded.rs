//! A memory of bounded weight, for what can be had again.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Only what the database knows of is kept, so that nobody can choose keys that all fall together.
use foldhash::fast::RandomState;

/// Parts with a lock each, so that threads seldom wait for one another.
const PARTS: usize = 16;
/// What an entry takes beside its key and value: its places in a part's map and list.
const ENTRY_BYTES: usize = 64;

/// Keeps values up to a total weight in bytes. What has not been asked for lately makes room
/// (second chance: a look-up marks the entry, and the hand that looks for room passes a marked one
/// by once). Nothing is ever wrong because something is kept or not kept: whether a value may still
/// be used is its owner's affair.
pub struct Bounded<K, V> {
    parts: Box<[Mutex<Part<K, V>>]>,
    hasher: RandomState,
    part_bytes_max: usize,
}

struct Part<K, V> {
    places: HashMap<K, usize, RandomState>,
    entries: Vec<Entry<K, V>>,
    bytes: usize,
    hand: usize,
}

struct Entry<K, V> {
    key: K,
    value: V,
    bytes: usize,
    asked_for: bool,
}

impl<K: Hash + Eq + Clone, V: Clone> Bounded<K, V> {
    /// Keeps up to `bytes_max` bytes; with 0, nothing.
    pub fn new(bytes_max: usize) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::new(Part::default())).collect();
        Self { parts, hasher: RandomState::default(), part_bytes_max: bytes_max / PARTS }
    }

    /// What is kept by `key`. Cloning a value should be cheap: it happens under a lock.
    pub fn get(&self, key: &K) -> Option<V> {
        let mut part = self.part(key);
        let place = *part.places.get(key)?;
        let entry = part.entries.get_mut(place)?;
        entry.asked_for = true;
        Some(entry.value.clone())
    }

    /// Keeps `value`, which takes `bytes` with all that it owns, in place of what there was. What is
    /// too large for its part is not kept.
    pub fn insert(&self, key: K, value: V, bytes: usize) {
        let bytes = bytes.saturating_add(2 * size_of::<K>() + size_of::<V>() + ENTRY_BYTES);
        let mut part = self.part(&key);
        part.remove(&key);
        if bytes > self.part_bytes_max {
            return;
        }
        while part.bytes + bytes > self.part_bytes_max {
            part.make_room();
        }
        part.add(Entry { key, value, bytes, asked_for: false });
    }

    /// Keeps nothing by `key` any longer.
    pub fn remove(&self, key: &K) {
        self.part(key).remove(key);
    }

    /// Bytes that all that is kept takes.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| lock(part).bytes).sum()
    }

    fn part(&self, key: &K) -> MutexGuard<'_, Part<K, V>> {
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % PARTS as u64).unwrap_or_default();
        lock(&self.parts[index])
    }
}

fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic can only have happened before or after a change.
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K, V> fmt::Debug for Bounded<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("part_bytes_max", &self.part_bytes_max).finish()
    }
}

impl<K, V> Default for Part<K, V> {
    fn default() -> Self {
        Self { places: HashMap::default(), entries: Vec::new(), bytes: 0, hand: 0 }
    }
}

impl<K: Hash + Eq + Clone, V> Part<K, V> {
    fn add(&mut self, entry: Entry<K, V>) {
        self.bytes += entry.bytes;
        self.places.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }

    fn remove(&mut self, key: &K) {
        let Some(place) = self.places.remove(key) else { return };
        let gone = self.entries.swap_remove(place);
        self.bytes -= gone.bytes;
        // The last one has come to its place.
        if let Some(moved) = self.entries.get(place)
            && let Some(known) = self.places.get_mut(&moved.key)
        {
            *known = place;
        }
    }

    /// Removes one entry that has not been asked for since the hand last passed.
    fn make_room(&mut self) {
        loop {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let Some(entry) = self.entries.get_mut(self.hand) else { return };
            if !std::mem::take(&mut entry.asked_for) {
                let key = entry.key.clone();
                return self.remove(&key);
            }
            self.hand += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_asked_for_stays() {
        let kept = Bounded::<u32, u32>::new(PARTS * 10 * 200);
        kept.insert(0, 0, 100);
        for other in 1..10_000 {
            assert_eq!(kept.get(&0), Some(0), "at {other}");
            kept.insert(other, other, 100);
        }
        assert!(kept.bytes() <= PARTS * 10 * 200);
        let still = (0..10_000).filter(|key| kept.get(key).is_some()).count();
        assert!(still > PARTS, "{still} are kept");
    }

    #[test]
    fn what_is_too_large_is_not_kept_and_takes_its_old_value_along() {
        let kept = Bounded::<u32, u32>::new(PARTS * 1000);
        kept.insert(1, 1, 10);
        kept.insert(1, 2, 5000);
        assert_eq!(kept.get(&1), None);
        assert_eq!(kept.bytes(), 0);
        kept.insert(1, 3, 10);
        kept.remove(&1);
        kept.remove(&2);
        assert_eq!((kept.get(&1), kept.bytes()), (None, 0));
        let nothing = Bounded::<u32, u32>::new(0);
        nothing.insert(1, 1, 0);
        assert_eq!(nothing.get(&1), None);
    }

    proptest! {
        #[test]
        fn never_another_value_and_never_too_much(
            steps in prop::collection::vec((0_u8..40, 0_usize..400), 0..400),
        ) {
            let max = PARTS * 700;
            let kept = Bounded::<u8, usize>::new(max);
            let mut last = HashMap::new();
            for (step, (key, bytes)) in steps.into_iter().enumerate() {
                kept.insert(key, step, bytes);
                last.insert(key, step);
                prop_assert!(kept.bytes() <= max);
                for (key, value) in &last {
                    if let Some(found) = kept.get(key) {
                        prop_assert_eq!(found, *value);
                    }
                }
            }
        }
    }
}
