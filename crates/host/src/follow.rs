//! Keeping the machine as a changing topology wants it.

use std::{sync::Arc, time::Duration};

use innkeeper_model::Topology;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{Host, host::lock, netlink::LinkWatch, pass::Depth, source::NetworkSource};

/// How long one question for a newer topology may stay open.
const WATCH: Duration = Duration::from_secs(30);
/// How long after a failure it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long after a look at everything comes the next, changed or not: somebody else may have
/// changed it, and what was removed is to be back within five seconds.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(2);
/// Where there is so much that a look takes long, it is not taken over and over.
const SWEEP_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How many times as long as a look took is waited for the next: so that looking takes a tenth of
/// one core at the most, and a machine with 1,000 networks is still mended within five seconds.
const SWEEP_REST: u32 = 8;
/// How often taps are looked at although no link is said to have changed.
const GUARD_PAUSE: Duration = Duration::from_secs(1);
/// How long after a change of links the next look at taps comes: many change at once.
const GUARD_GATHER: Duration = Duration::from_millis(20);

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
        let mut sweep_at = Instant::now();
        loop {
            guarded.mark_unchanged();
            let topology = newest.borrow_and_update().clone();
            if let Some(topology) = topology {
                let is_time = Instant::now() >= sweep_at;
                let depth = if is_time { Depth::Full } else { Depth::Changed };
                let report = self.pass(&topology, depth).await;
                if is_time {
                    let rest = report.took * SWEEP_REST;
                    sweep_at = Instant::now() + rest.clamp(SWEEP_PAUSE_MIN, SWEEP_PAUSE_MAX);
                }
                let retry_at = Instant::now() + RETRY_PAUSE;
                let next = if report.is_settled() { sweep_at } else { sweep_at.min(retry_at) };
                tokio::select! {
                    _ = newest.changed() => {}
                    // Every link of the network is marked or loses its mark.
                    _ = guarded.changed() => sweep_at = Instant::now(),
                    () = sleep_until(next) => {}
                }
            } else if newest.changed().await.is_err() {
                return;
            }
        }
    }

    async fn keep_guard<S: NetworkSource>(&self, source: &S, mut newest: Newest) {
        let links = LinkWatch::start().inspect_err(|error| tracing::warn!(%error)).ok();
        loop {
            let topology = newest.borrow_and_update().clone();
            if let Some(topology) = topology {
                self.guard(&topology, source).await;
                tokio::select! {
                    _ = newest.changed() => {}
                    () = link_changed(links.as_ref()) => sleep(GUARD_GATHER).await,
                    () = sleep(GUARD_PAUSE) => {}
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

/// Returns when links have changed; never, if that cannot be told.
async fn link_changed(links: Option<&LinkWatch>) {
    match links {
        Some(links) => links.changed().await,
        None => std::future::pending().await,
    }
}
