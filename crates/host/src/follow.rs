//! Keeping the machine as a changing topology wants it.

use std::{fmt::Display, future::Future, time::Duration};

use innkeeper_model::{Topology, TopologyGeneration};
use innkeeper_network_view::NetworkView;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{Host, host::lock, pass::Depth};

/// How long one question for a newer topology may stay open.
const WATCH: Duration = Duration::from_secs(30);
/// How long after a failure it is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How often everything is looked at, changed or not: somebody else may have changed it. A look
/// at 100 networks and 100 routers took 1 s of one core in a debug build, half of it nft's.
const FULL_PASS_PERIOD: Duration = Duration::from_secs(60);

impl Host {
    /// Brings up what `view` tells of and keeps it up, until `stop` is cancelled. What was brought
    /// up stays: guests outlive this process.
    pub async fn run(&self, view: &NetworkView, stop: CancellationToken) {
        self.follow(|after, wait| view.topology(after, wait), stop).await;
    }

    /// As [`Host::run`], with another source of topologies: `newer` is told the generation that is
    /// already known and how long it may take to find another.
    pub async fn follow<Next, Answer, Error>(&self, newer: Next, stop: CancellationToken)
    where
        Next: Fn(Option<TopologyGeneration>, Duration) -> Answer,
        Answer: Future<Output = Result<Topology, Error>>,
        Error: Display,
    {
        let keep = self.keep(newer);
        // A pass that has begun runs to its end on a thread of its own.
        let _ = stop.run_until_cancelled(keep).await;
    }

    async fn keep<Next, Answer, Error>(&self, newer: Next)
    where
        Next: Fn(Option<TopologyGeneration>, Duration) -> Answer,
        Answer: Future<Output = Result<Topology, Error>>,
        Error: Display,
    {
        let mut topology: Option<Topology> = None;
        let mut full_pass_at = Instant::now();
        loop {
            let now = Instant::now();
            let settled = self.status().failures.is_empty();
            let wait = match &topology {
                None => Duration::ZERO,
                Some(_) if settled => {
                    full_pass_at.saturating_duration_since(now).clamp(RETRY_PAUSE, WATCH)
                }
                Some(_) => RETRY_PAUSE,
            };
            let generation = topology.as_ref().map(|topology| topology.generation);
            match newer(generation, wait).await {
                Ok(newer) => {
                    self.note_view(None);
                    topology = Some(newer);
                }
                Err(error) => {
                    self.note_view(Some(error.to_string()));
                    sleep(RETRY_PAUSE).await;
                }
            }
            let Some(wanted) = &topology else { continue };
            let is_time = Instant::now() >= full_pass_at;
            let depth = if is_time { Depth::Full } else { Depth::Changed };
            self.pass(wanted, depth).await;
            if is_time {
                full_pass_at = Instant::now() + FULL_PASS_PERIOD;
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
