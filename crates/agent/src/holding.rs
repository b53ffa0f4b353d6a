//! Room for requests whose asker is not known yet.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use innkeeper_model::OriginScope;

/// Requests of unknown askers held at once. Machines that boot before their port is everywhere are
/// few at a time; anybody may invent addresses, and each held request is looked up again and again.
const HELD_MAX: usize = 512;
/// Of these, one network's or router's: its guests cannot take the room of another's.
const HELD_PER_SCOPE_MAX: usize = 32;

/// Who is being held.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_scope: HashMap<OriginScope, usize>,
}

/// A place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    holding: &'a Holding,
    scope: OriginScope,
}

impl Holding {
    /// A place for a request of `scope`, if there is one.
    pub(crate) fn place(&self, scope: OriginScope) -> Option<Place<'_>> {
        let mut held = self.lock();
        if held.all >= HELD_MAX || held.by_scope.get(&scope) >= Some(&HELD_PER_SCOPE_MAX) {
            return None;
        }
        held.all += 1;
        *held.by_scope.entry(scope).or_default() += 1;
        Some(Place { holding: self, scope })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing in here can be left half done by a panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.holding.lock();
        held.all -= 1;
        if let Some(of_scope) = held.by_scope.get_mut(&self.scope) {
            *of_scope -= 1;
            if *of_scope == 0 {
                held.by_scope.remove(&self.scope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_model::NetworkId;

    use super::*;

    #[test]
    fn one_scope_cannot_take_all_the_room() {
        let holding = Holding::default();
        let scope = OriginScope::Network(NetworkId::random());
        let places: Vec<_> = std::iter::from_fn(|| holding.place(scope)).collect();
        assert_eq!(places.len(), HELD_PER_SCOPE_MAX);
        assert!(holding.place(OriginScope::Network(NetworkId::random())).is_some());
        drop(places);
        assert!(holding.place(scope).is_some());
        assert!(holding.lock().by_scope.is_empty(), "an empty scope is remembered");
    }

    #[test]
    fn many_scopes_cannot_take_more_than_all() {
        let holding = Holding::default();
        let place = || holding.place(OriginScope::Network(NetworkId::random()));
        assert_eq!(
            std::iter::from_fn(place).take(HELD_MAX * 2).collect::<Vec<_>>().len(),
            HELD_MAX
        );
    }
}
