//! Whose port asks: looked up each time, within bounds, and remembered only for the time when
//! nobody can be asked.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use innkeeper_model::{DhcpBinding, MacAddress, NetworkId};
use tokio::{sync::Semaphore, time::timeout};

/// Finds what is to be said to a MAC address on a network: nothing, if no port of it has that
/// address.
pub type DhcpLookup = Arc<dyn Fn(NetworkId, MacAddress) -> DhcpLookupFuture + Send + Sync>;

/// What a [`DhcpLookup`] gives.
pub type DhcpLookupFuture =
    Pin<Box<dyn Future<Output = Result<Option<DhcpBinding>, String>> + Send>>;

/// For a lookup with all its waiting: clients ask again after 3 to 5 seconds.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
/// Lookups under way at once, of all networks: the store answers them one after the other anyway.
const LOOKUPS_MAX: usize = 64;
/// Answers remembered: more than a host has machines; about 2 MiB.
const REMEMBERED_MAX: usize = 4096;

type Key = (NetworkId, MacAddress);

/// The way to find a port by its MAC address.
pub(super) struct Ports {
    lookup: DhcpLookup,
    under_way: Semaphore,
    remembered: Mutex<Remembered>,
}

#[derive(Default)]
struct Remembered {
    bindings: HashMap<Key, (u64, Arc<DhcpBinding>)>,
    /// Counts answers, to find the oldest.
    answers: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) binding: Arc<DhcpBinding>,
    /// Why it is an answer of before; `None` if it is true now.
    pub(super) stale: Option<String>,
}

impl Ports {
    pub(super) fn new(lookup: DhcpLookup) -> Self {
        let remembered = Mutex::default();
        Self { lookup, under_way: Semaphore::new(LOOKUPS_MAX), remembered }
    }

    /// The port's binding; the last one known, if it cannot be looked up now.
    ///
    /// Callers are served in turn, so that a network whose own requests are bounded waits for no
    /// more than a bounded number of others'.
    pub(super) async fn find(
        &self,
        network: NetworkId,
        mac: MacAddress,
    ) -> Result<Option<Found>, String> {
        let asked = async {
            let _turn = self.under_way.acquire().await.map_err(|closed| closed.to_string())?;
            (self.lookup)(network, mac).await
        };
        let answered = timeout(LOOKUP_TIMEOUT, asked).await.unwrap_or_else(|_elapsed| {
            Err(format!("no answer within {} s", LOOKUP_TIMEOUT.as_secs()))
        });
        let key = (network, mac);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        match answered {
            Ok(Some(binding)) => {
                let binding = Arc::new(binding);
                remembered.keep(key, Arc::clone(&binding));
                Ok(Some(Found { binding, stale: None }))
            }
            Ok(None) => {
                remembered.bindings.remove(&key);
                Ok(None)
            }
            Err(why) => match remembered.bindings.get(&key) {
                Some((_, binding)) => {
                    Ok(Some(Found { binding: Arc::clone(binding), stale: Some(why) }))
                }
                None => Err(why),
            },
        }
    }

    /// Forgets the ports of networks that are no longer served.
    pub(super) fn retain(&self, is_served: impl Fn(NetworkId) -> bool) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.bindings.retain(|(network, _), _| is_served(*network));
    }
}

impl Remembered {
    fn keep(&mut self, key: Key, binding: Arc<DhcpBinding>) {
        self.answers += 1;
        self.bindings.insert(key, (self.answers, binding));
        if self.bindings.len() > REMEMBERED_MAX {
            let oldest = self.bindings.iter().min_by_key(|(_, (answer, _))| *answer);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.bindings.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

    use super::*;
    use crate::dhcp::testing::{MAC, binding};

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap()
    }

    #[test]
    fn the_last_answer_serves_only_while_nobody_can_be_asked() {
        let state = Arc::new(AtomicU8::new(0));
        let seen = Arc::clone(&state);
        let ports = Ports::new(Arc::new(move |_, _| {
            let state = seen.load(Ordering::SeqCst);
            Box::pin(async move {
                match state {
                    0 => Ok(Some(binding(&["10.0.0.5"]))),
                    1 => Err("away".to_owned()),
                    _ => Ok(None),
                }
            })
        }));
        let network = NetworkId::random();
        let find = |now| {
            state.store(now, Ordering::SeqCst);
            runtime().block_on(ports.find(network, MAC))
        };
        assert_eq!(find(1), Err("away".to_owned()));
        let found = find(0).unwrap().unwrap();
        assert_eq!(found.stale, None);
        let again = find(1).unwrap().unwrap();
        assert_eq!((again.binding, again.stale), (found.binding, Some("away".to_owned())));
        assert_eq!(find(2), Ok(None));
        assert_eq!(find(1), Err("away".to_owned()), "a port that was gone is forgotten");
        find(0).unwrap();
        ports.retain(|_| false);
        assert_eq!(find(1), Err("away".to_owned()), "a network that was gone is forgotten");
    }

    #[test]
    fn a_lookup_that_never_ends_is_given_up() {
        let called = Arc::new(AtomicBool::new(false));
        let was_called = Arc::clone(&called);
        let ports = Ports::new(Arc::new(move |_, _| {
            was_called.store(true, Ordering::SeqCst);
            Box::pin(std::future::pending())
        }));
        let answered = runtime().block_on(ports.find(NetworkId::random(), MAC));
        assert_eq!(answered, Err("no answer within 3 s".to_owned()));
        assert!(called.load(Ordering::SeqCst));
    }

    #[test]
    fn memory_is_bounded_and_loses_the_oldest() {
        let mut remembered = Remembered::default();
        let kept = Arc::new(binding(&[]));
        let network = NetworkId::random();
        let key = |i: usize| {
            let [.., a, b, c] = i.to_be_bytes();
            (network, MacAddress::generated([a, b, c]))
        };
        for i in 0..=REMEMBERED_MAX {
            remembered.keep(key(i), Arc::clone(&kept));
        }
        assert_eq!(remembered.bindings.len(), REMEMBERED_MAX);
        assert!(!remembered.bindings.contains_key(&key(0)));
        assert!(remembered.bindings.contains_key(&key(1)));
    }
}
