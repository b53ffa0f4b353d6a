//! Keeping the machine as a changing topology wants it.

use std::{sync::Arc, time::Duration};

use innkeeper_model::Topology;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Host, HostError,
    host::lock,
    netlink::Watch,
    pace::{Pace, SLICE, SWEEP_REST},
    source::NetworkSource,
};

/// How long one question for a newer topology may stay open.
const WATCH: Duration = Duration::from_secs(30);
/// How long after a failure it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether names of namespaces still stand for them.
const NAMES_PAUSE: Duration = Duration::from_secs(1);
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
        let mut kernel = watched(Watch::networks());
        let mut pace = Pace::new();
        let mut is_new = false;
        loop {
            guarded.mark_unchanged();
            is_new |= newest.has_changed().unwrap_or(false);
            let news = kernel.as_ref().map(Watch::take).unwrap_or_default();
            let Some(topology) = newest.borrow_and_update().clone() else {
                if newest.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if news.everything {
                pace.overlooked();
            }
            if pace.next() <= Instant::now() && heard_again(&mut kernel) {
                tracing::info!("changes are heard of again");
                pace.overlooked();
            }
            let depth = pace.depth(is_new);
            is_new = false;
            let report = self.pass(&topology, depth, news, Some(SLICE)).await;
            if report.came_to_nothing {
                pace.failed();
            } else if let Some(whole) = pace.passed(depth, &report) {
                lock(&self.status).last_pass = whole;
            }
            if report.unfinished {
                // What has changed meanwhile comes first.
                continue;
            }
            let next = if report.is_settled() { pace.next() } else { pace.next_after_failure() };
            tokio::select! {
                _ = newest.changed() => is_new = true,
                // Every link of the network is marked or loses its mark.
                _ = guarded.changed() => {}
                () = changed(kernel.as_ref()) => {
                    // Many change at once; what the topology changed is not to wait for them.
                    tokio::select! {
                        _ = newest.changed() => is_new = true,
                        _ = guarded.changed() => {}
                        () = sleep(pace.gather()) => {}
                    }
                }
                () = self.await_missing_name() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Returns once the name of a namespace stands for it no more.
    async fn await_missing_name(&self) {
        loop {
            sleep(NAMES_PAUSE).await;
            if self.misses_a_name().await {
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

/// Watches again if there is no watch, or none any more; says whether it does.
fn heard_again(watch: &mut Option<Watch>) -> bool {
    if watch.as_ref().is_some_and(|watch| !watch.has_ended()) {
        return false;
    }
    // Why it cannot was said at first.
    *watch = Watch::networks().ok();
    watch.is_some()
}

/// Returns when something has changed; never, if that cannot be told.
async fn changed(watch: Option<&Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
