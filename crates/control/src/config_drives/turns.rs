//! One at a time for each instance.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use innkeeper_model::InstanceId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Whoever holds an instance's turn is the only one to touch its kept drive.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<InstanceId, Weak<Turn<()>>>>);

impl Turns {
    /// Waits for the turn of `id`; it ends when the guard is dropped, on whatever thread.
    pub(super) async fn of(&self, id: InstanceId) -> OwnedMutexGuard<()> {
        self.turn(id).lock_owned().await
    }

    fn turn(&self, id: InstanceId) -> Arc<Turn<()>> {
        // Nothing in here can be left half done by a panic.
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&id).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(id, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_instance_waits_for_itself_only() {
        let turns = Turns::default();
        let (one, other) = (InstanceId::random(), InstanceId::random());
        let held = turns.of(one).await;
        let _other = turns.of(other).await;
        assert!(turns.turn(one).try_lock().is_err());
        drop(held);
        assert!(turns.turn(one).try_lock().is_ok());
        let _again = turns.of(InstanceId::random()).await;
        assert_eq!(turns.0.lock().unwrap().len(), 2, "what nobody holds is forgotten");
    }
}
