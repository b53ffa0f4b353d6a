use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use innkeeper_model::{Origin, PortOwner};
use innkeeper_store::Bounded;
use tokio::time::Instant;

/// An entry is some 200 bytes, so that these are 20,000 addresses: more than machines on one host
/// have.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long nothing is remembered after a pause was asked for.
const PAUSE: Duration = Duration::from_secs(60);

/// Who was found behind origins before. Whether each still is there must be asked of whoever knows:
/// it is never certain here.
#[derive(Debug)]
pub struct FoundBefore {
    owners: Bounded<Origin, PortOwner>,
    paused_until: Mutex<Option<Instant>>,
}

impl Default for FoundBefore {
    fn default() -> Self {
        Self { owners: Bounded::new(BYTES_MAX), paused_until: Mutex::new(None) }
    }
}

impl FoundBefore {
    /// Who was found there last.
    pub fn owner(&self, origin: &Origin) -> Option<PortOwner> {
        let owner = self.owners.get(origin)?;
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused_until.is_none_or(|until| Instant::now() >= until).then_some(owner)
    }

    /// Keeps who was found there.
    pub fn keep(&self, origin: &Origin, owner: &PortOwner) {
        self.owners.insert(origin.clone(), owner.clone(), owner.project.as_str().len());
    }

    /// Forgets who was found there.
    pub fn forget(&self, origin: &Origin) {
        self.owners.remove(origin);
    }

    /// Remembers nobody for a minute: whoever was asked could not tell whether they still are there.
    pub fn pause(&self) {
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = Some(Instant::now() + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_model::{InstanceId, NetworkId, OriginScope, PortId};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_was_found_is_remembered_but_for_a_pause_and_until_forgotten() {
        let before = FoundBefore::default();
        let scope = OriginScope::Network(NetworkId::random());
        let origin = Origin::new(scope, [10, 0, 0, 9].into());
        let owner = PortOwner {
            port: PortId::random(),
            instance: InstanceId::random(),
            project: "acme".parse().unwrap(),
        };
        assert_eq!(before.owner(&origin), None);
        before.keep(&origin, &owner);
        assert_eq!(before.owner(&origin), Some(owner.clone()));
        before.pause();
        tokio::time::advance(PAUSE - Duration::from_secs(1)).await;
        assert_eq!(before.owner(&origin), None, "during the pause");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(before.owner(&origin), Some(owner), "after it");
        before.forget(&origin);
        assert_eq!(before.owner(&origin), None);
    }
}
