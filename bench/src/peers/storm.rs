//! The boot storm: many guests begin at once, each from its own address, and each performs the
//! requests of a boot one after the other, on a new connection each.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::Serialize;

use super::{contender::Running, crawl::BOOT, stage::Stage};
use crate::{
    load::{Connections, ask, request},
    samples::Samples,
};

/// More than any answer of a boot is long.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// What came of one storm.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Storm {
    /// From the first guest's beginning to the last one's end.
    pub(super) total_seconds: f64,
    /// Until half of the guests had all their answers.
    pub(super) guest_p50_seconds: f64,
    /// Of single requests.
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) p999_us: u64,
    pub(super) requests: usize,
    pub(super) errors: u64,
    /// Processor seconds of each component, for the whole storm.
    pub(super) cpu_seconds: BTreeMap<&'static str, f64>,
    pub(super) memory_kib: BTreeMap<&'static str, u64>,
    pub(super) failures: BTreeMap<String, u64>,
}

/// Lets all guests of the stage boot at once.
pub(super) fn run(stage: &Stage, running: &Running) -> anyhow::Result<Storm> {
    let addresses = &stage.addresses;
    let before = running.cpu()?;
    let (samples, guests) = stage.guests.run(|| boot_all(addresses))??;
    let after = running.cpu()?;
    let cpu = after.into_iter().map(|(name, after)| {
        (name, after.saturating_sub(before.get(name).copied().unwrap_or_default()).as_secs_f64())
    });
    Ok(Storm {
        total_seconds: samples.took().as_secs_f64(),
        guest_p50_seconds: Duration::from_micros(guests.percentile(50.0)).as_secs_f64(),
        p50_us: samples.percentile(50.0),
        p99_us: samples.percentile(99.0),
        p999_us: samples.percentile(99.9),
        requests: samples.answers(),
        errors: samples.errors(),
        cpu_seconds: cpu.collect(),
        memory_kib: running.memory()?,
        failures: samples.failures().clone(),
    })
}

/// The times of all requests, and those of whole guests.
fn boot_all(addresses: &[Ipv4Addr]) -> anyhow::Result<(Samples, Samples)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let started = Instant::now();
        let tasks: Vec<_> =
            addresses.iter().map(|address| tokio::spawn(boot(*address, started))).collect();
        let (mut all, mut guests) = (Samples::default(), Samples::default());
        for task in tasks {
            let (samples, took) = task.await.context("a guest")?;
            all.absorb(samples);
            guests.add(took);
        }
        all.finish(started.elapsed());
        guests.finish(started.elapsed());
        Ok((all, guests))
    })
}

async fn boot(from: Ipv4Addr, started: Instant) -> (Samples, Duration) {
    let mut samples = Samples::default();
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    for path in BOOT {
        let request = request(path, Connections::PerRequest);
        ask(None, Some(from), &request, &mut buffer, &mut samples).await;
    }
    (samples, started.elapsed())
}
