//! Requests, one after the other on each of some connections.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    contender::Running,
    crawl::{INSTANCE_ID, META_DATA},
    stage::Stage,
    usage::own_time,
};
use crate::{
    load::{Connections, Load, ask, request},
    samples::Samples,
};

/// More than a document is long.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Document {
    MetaData,
    InstanceId,
    /// `meta_data.json`, of every guest once: nobody can have it ready.
    FirstMetaData,
}

impl Document {
    /// What is asked for again and again.
    pub(super) const REPEATED: [Self; 2] = [Self::MetaData, Self::InstanceId];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::MetaData => "meta_data.json",
            Self::InstanceId => "instance-id",
            Self::FirstMetaData => "meta_data.json, first read",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::MetaData | Self::FirstMetaData => META_DATA,
            Self::InstanceId => INSTANCE_ID,
        }
    }
}

/// What is measured of every contender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scenario {
    pub(super) document: Document,
    pub(super) keep: Connections,
    pub(super) connections: usize,
}

/// What came of one measurement.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Figures {
    pub(super) requests_per_second: f64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) p999_us: u64,
    pub(super) errors: u64,
    /// Processor seconds per 1,000 requests of each component.
    pub(super) cpu_seconds_per_1000: BTreeMap<&'static str, f64>,
    /// Memory (PSS) of each component afterwards, in KiB.
    pub(super) memory_kib: BTreeMap<&'static str, u64>,
    /// Of a processor, how much the load generator, one thread, took: near 1 it is what limits.
    pub(super) generator: f64,
    /// What went wrong, and how often.
    pub(super) failures: BTreeMap<String, u64>,
}

/// After starting a contender: each guest's first read, on a new connection each.
pub(super) const FIRST_READS: Scenario =
    Scenario { document: Document::FirstMetaData, keep: Connections::PerRequest, connections: 64 };

/// Measures one scenario of a contender at work.
pub(super) fn measure(
    stage: &Stage,
    running: &Running,
    scenario: Scenario,
    duration: Duration,
) -> anyhow::Result<Figures> {
    let Scenario { document, keep, connections } = scenario;
    let load = Load { path: document.path(), connections, keep, duration };
    let (before, own_before, started) = (running.cpu()?, own_time()?, Instant::now());
    let samples = match document {
        Document::FirstMetaData => {
            stage.guests.run(|| first_reads(&stage.addresses, connections))??
        }
        _ => stage.guests.run(|| load.measure())??,
    };
    let own = own_time()?.saturating_sub(own_before);
    let generator = own.as_secs_f64() / started.elapsed().as_secs_f64();
    let after = running.cpu()?;
    #[allow(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
    let thousands = (samples.answers() as f64 / 1000.0).max(f64::MIN_POSITIVE);
    let cpu = after.into_iter().map(|(name, after)| {
        let spent = after.saturating_sub(before.get(name).copied().unwrap_or_default());
        (name, spent.as_secs_f64() / thousands)
    });
    Ok(Figures {
        requests_per_second: samples.per_second(),
        p50_us: samples.percentile(50.0),
        p99_us: samples.percentile(99.0),
        p999_us: samples.percentile(99.9),
        errors: samples.errors(),
        cpu_seconds_per_1000: cpu.collect(),
        memory_kib: running.memory()?,
        generator,
        failures: samples.failures().clone(),
    })
}

/// Lets every guest read once, so many at a time.
fn first_reads(addresses: &[Ipv4Addr], at_once: usize) -> anyhow::Result<Samples> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let started = Instant::now();
        let tasks: Vec<_> = (0..at_once)
            .map(|first| {
                let own: Vec<Ipv4Addr> =
                    addresses.iter().copied().skip(first).step_by(at_once).collect();
                tokio::spawn(read_each(own))
            })
            .collect();
        let mut samples = Samples::default();
        for task in tasks {
            samples.absorb(task.await?);
        }
        samples.finish(started.elapsed());
        Ok(samples)
    })
}

/// Reads the document once from each address, one after the other.
pub(super) async fn read_each(addresses: Vec<Ipv4Addr>) -> Samples {
    let request = request(META_DATA, Connections::PerRequest);
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    let mut samples = Samples::default();
    for address in addresses {
        ask(None, Some(address), &request, &mut buffer, &mut samples).await;
    }
    samples
}
