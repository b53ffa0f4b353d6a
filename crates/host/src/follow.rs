//! Keeping the machine as a changing topology wants it.

use std::{sync::Arc, time::Duration};

use innkeeper_model::Topology;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Host, HostError, host::lock, netlink::Watch, pass::Depth, source::NetworkSource};

/// How long one question for a newer topology may stay open.
const WATCH: Duration = Duration::from_secs(30);
/// How long after a failure it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long after a look at everything comes the next, though nothing is said to have changed: an
/// event may be lost.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(2);
/// Where there is so much that a look takes long, it is not taken over and over.
const SWEEP_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How many times as long as a look took is waited for the next, so that looking at what nobody
/// changed takes a tenth of one core at the most.
const SWEEP_REST: u32 = 8;
/// How long after a change in the kernel everything is looked at: what was removed is to be back
/// within five seconds.
const EVENT_GATHER: Duration = Duration::from_millis(50);
/// The same, as a multiple of how long the last look took: whoever changes something all the time
/// takes a third of one core at the most.
const EVENT_REST: u32 = 2;
/// Settings that the kernel tells nobody of are looked at in one of so many looks: where there are
/// thousands of namespaces, finding them is most of the work.
const SETTINGS_EVERY: u32 = 16;
/// How often taps are looked at although no link is said to have changed.
const GUARD_PAUSE: Duration = Duration::from_secs(1);
/// How long after a change of links the next look at taps comes: many change at once.
const GUARD_GATHER: Duration = Duration::from_millis(20);
/// The same, as a multiple of how long the last look took.
const GUARD_REST: u32 = 4;

/// The newest topology; none before the first.
type Newest = watch::Receiver<Option<Arc<Topology>>>;

impl Host {
    /// Brings up what `source` tells of and keeps it up, until `stop` is cancelled. What was
    /// brought up stays: guests outlive this process.
    pub async fn follow<S: NetworkSource>(&self, source: &S, stop: CancellationToken) {
        self.dhcp.start(source);
        let (newest, received) = watch::channel(None);
        let all = async {
            tokio::join!(
                self.learn(source, newest),
                self.keep_networks(received.clone()),
                self.keep_guard(source, received),
            )
        };
        // A pass that has begun runs to its end on a thread of its own.
        let _ = stop.run_until_cancelled(all).await;
        self.dhcp.stop().await;
    }

    async fn learn<S: NetworkSource>(
        &self,
        source: &S,
        newest: watch::Sender<Option<Arc<Topology>>>,
    ) {
        let mut generation = None;
        loop {
            let wait = generation.map_or(Duration::ZERO, |_| WATCH);
            match source.topology(generation, wait).await {
                Ok(topology) => {
                    self.note_view(None);
                    if generation != Some(topology.generation) {
                        generation = Some(topology.generation);
                        newest.send_replace(Some(Arc::new(topology)));
                    }
                }
                Err(error) => {
                    self.note_view(Some(error.to_string()));
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn keep_networks(&self, mut newest: Newest) {
        let mut guarded = self.guarded.subscribe();
        let kernel = watched(Watch::everything());
        let (mut sweep_at, mut sweeps) = (Instant::now(), 0_u32);
        let mut event_rest = EVENT_GATHER;
        loop {
            guarded.mark_unchanged();
            let topology = newest.borrow_and_update().clone();
            if let Some(topology) = topology {
                let is_time = Instant::now() >= sweep_at;
                let told = kernel.as_ref().is_some_and(Watch::take_settings);
                let depth = match is_time || told {
                    true if told || sweeps.is_multiple_of(SETTINGS_EVERY) => Depth::Thorough,
                    true => Depth::Full,
                    false => Depth::Changed,
                };
                let report = self.pass(&topology, depth).await;
                if depth != Depth::Changed {
                    sweeps = sweeps.wrapping_add(1);
                    let rest = report.took * SWEEP_REST;
                    sweep_at = Instant::now() + rest.clamp(SWEEP_PAUSE_MIN, SWEEP_PAUSE_MAX);
                    event_rest = EVENT_GATHER.max(report.took * EVENT_REST);
                }
                let retry_at = Instant::now() + RETRY_PAUSE;
                let next = if report.is_settled() { sweep_at } else { sweep_at.min(retry_at) };
                tokio::select! {
                    _ = newest.changed() => {}
                    // Every link of the network is marked or loses its mark.
                    _ = guarded.changed() => sweep_at = Instant::now(),
                    () = changed(kernel.as_ref()) => {
                        // What the topology changed is not to wait for it.
                        let _ = timeout(event_rest, newest.changed()).await;
                        sweep_at = Instant::now();
                    }
                    () = sleep_until(next) => {}
                }
            } else if newest.changed().await.is_err() {
                return;
            }
        }
    }

    async fn keep_guard<S: NetworkSource>(&self, source: &S, mut newest: Newest) {
        let links = watched(Watch::taps());
        loop {
            let topology = newest.borrow_and_update().clone();
            if let Some(topology) = topology {
                let took = self.guard(&topology, source).await.took;
                tokio::select! {
                    _ = newest.changed() => {}
                    () = changed(links.as_ref()) => {
                        sleep(GUARD_GATHER.max(took * GUARD_REST)).await;
                    }
                    () = sleep(GUARD_PAUSE.max(took * SWEEP_REST)) => {}
                }
            } else if newest.changed().await.is_err() {
                return;
            }
        }
    }

    /// Keeps why no topology can be had; logged once until it changes.
    fn note_view(&self, error: Option<String>) {
        let mut status = lock(&self.status);
        if status.view_error == error {
            return;
        }
        match &error {
            Some(error) => tracing::warn!(
                %error,
                "no topology can be had: what is there is kept; tried again every second"
            ),
            None => tracing::info!("the topology can be had again"),
        }
        status.view_error = error;
    }
}

/// A watch that can be done without.
fn watched(watch: Result<Watch, HostError>) -> Option<Watch> {
    watch.inspect_err(|error| tracing::warn!(%error, "changes are noticed later")).ok()
}

/// Returns when something has changed; never, if that cannot be told.
async fn changed(watch: Option<&Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
