//! Guests that ask who they are, again and again.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use innkeeper_lab::{LabError, METADATA, World, wait_until};

use crate::tenants::{META_DATA, Plugged};

/// How long a guest waits before it gives a request up and begins again.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(1);

/// Between two requests of a guest.
const PAUSE: Duration = Duration::from_millis(250);

/// The guests, and what became of them.
pub(crate) struct Guests {
    polling: Vec<Polling>,
    stop: AtomicBool,
    answered: AtomicUsize,
    foreign: Mutex<Vec<String>>,
}

struct Polling {
    plugged: Plugged,
    /// When the last request began that was answered as it should be.
    served: Mutex<Option<Instant>>,
    /// What became of the last request otherwise.
    failure: Mutex<String>,
}

impl Guests {
    /// Each tenant has one network behind a router and one without, all of one range.
    pub(crate) fn plug_in(
        world: &World,
        tenants: usize,
        machines_per_network: usize,
    ) -> Result<Self, LabError> {
        let mut polling = Vec::new();
        for tenant in 0..tenants {
            let project = format!("tenant{tenant}");
            world.tenant(&project, "10.0.0.0/24")?;
            world.operator(&project, "router create edge --subnet lan")?;
            world.operator(&project, "network create island --subnet 10.0.0.0/24")?;
            for network in ["lan", "island"] {
                for number in 0..machines_per_network {
                    let machine =
                        world.machine(&project, &format!("{network}{number}"), network)?;
                    let via = match network {
                        "lan" => "10.0.0.1".to_owned(),
                        _ => world.dhcp_address(&machine)?,
                    };
                    let guest = world.plug_in(&machine, &via)?;
                    polling.push(Polling {
                        plugged: Plugged { machine, guest },
                        served: Mutex::default(),
                        failure: Mutex::default(),
                    });
                }
            }
        }
        Ok(Self {
            polling,
            stop: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            foreign: Mutex::default(),
        })
    }

    /// Runs `work` while all of them poll. Afterwards none has had another's document.
    pub(crate) fn while_polling(
        &self,
        work: impl FnOnce() -> Result<(), LabError>,
    ) -> Result<(), LabError> {
        let outcome = thread::scope(|scope| {
            for one in &self.polling {
                scope.spawn(|| self.poll(one));
            }
            // Whatever becomes of it, the guests are to end.
            let _stop = StopOnDrop(&self.stop);
            work()
        });
        let foreign = self.foreign.lock().expect("no guest panicked");
        assert!(foreign.is_empty(), "served another's document: {foreign:#?}");
        outcome
    }

    /// Waits, for no longer than `limit`, until every guest has been served by a request that began
    /// after `since`.
    pub(crate) fn await_served_since(
        &self,
        since: Instant,
        limit: Duration,
        what: &str,
    ) -> Result<(), LabError> {
        let waiting = || -> Vec<&Polling> {
            let served = |one: &&Polling| {
                let last = *one.served.lock().expect("no guest panicked");
                last.is_none_or(|last| last < since)
            };
            self.polling.iter().filter(served).collect()
        };
        wait_until("every guest to be served", limit, || waiting().is_empty()).map_err(|error| {
            let left: Vec<_> = waiting().iter().map(|one| one.describe()).collect();
            LabError::Failed { command: what.to_owned(), message: format!("{error}: {left:#?}") }
        })
    }

    /// How many requests were answered as they should be.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    fn poll(&self, one: &Polling) {
        while !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            match self.ask(one) {
                Ok(()) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    *one.served.lock().expect("no guest panicked") = Some(began);
                }
                Err(why) => *one.failure.lock().expect("no guest panicked") = why,
            }
            thread::sleep(PAUSE);
        }
    }

    fn ask(&self, one: &Polling) -> Result<(), String> {
        let reply = one.plugged.guest.get_from(METADATA, META_DATA, REQUEST_TIME);
        let reply = reply.map_err(|error| error.to_string())?;
        if reply.status != 200 {
            return Err(format!("{} {}", reply.status, reply.text()));
        }
        let document = reply.json().map_err(|error| error.to_string())?;
        let machine = &one.plugged.machine;
        if document["uuid"] == machine.id && document["project_id"] == machine.project {
            return Ok(());
        }
        let foreign = format!("{} of {} got {document}", machine.name, machine.project);
        self.foreign.lock().expect("no guest panicked").push(foreign.clone());
        Err(foreign)
    }
}

impl Polling {
    fn describe(&self) -> String {
        let machine = &self.plugged.machine;
        let failure = self.failure.lock().expect("no guest panicked");
        let served = *self.served.lock().expect("no guest panicked");
        let ago = served.map(|at| at.elapsed());
        format!(
            "{} of {} (network {}), last served {ago:?} ago, last failed by {failure}",
            machine.name, machine.project, machine.network
        )
    }
}

/// Stops the guests even if what comes before panics.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
