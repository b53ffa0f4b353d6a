//! What a hop counts. Label sets are resolved when it starts; a request touches only atomics.

use std::{
    fmt,
    sync::atomic::{AtomicI64, AtomicU64},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::Registry,
};
use tokio::time::Instant;

use crate::{Hop, Reason, server::Connections};

/// Upper bounds in seconds: from an answer in memory to the longest hold.
const DURATION_BUCKETS: [f64; 13] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 2.5, 5.0, 10.0];

/// The counters of one hop.
#[derive(Debug, Clone)]
pub struct HopMetrics {
    /// One per reason, in the order of [`Reason::ALL`].
    by_reason: Vec<Counter<u64, AtomicU64>>,
    duration: Histogram,
    in_flight: Gauge<i64, AtomicI64>,
}

/// A request under way.
#[derive(Debug)]
pub struct InFlight<'a> {
    metrics: &'a HopMetrics,
    begun: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

impl HopMetrics {
    /// Registers `innkeeper_<hop>_requests_total{reason}`, `…_request_duration_seconds` and
    /// `…_requests_in_flight`. Once per registry and hop.
    pub fn register(registry: &mut Registry, hop: Hop) -> Self {
        let registry = hop_registry(registry, hop);
        let requests = Family::<ReasonLabel, Counter<u64, AtomicU64>>::default();
        let by_reason = Reason::ALL
            .iter()
            .map(|reason| requests.get_or_create_owned(&ReasonLabel { reason: reason.as_str() }))
            .collect();
        let duration = Histogram::new(DURATION_BUCKETS);
        let in_flight = Gauge::default();
        registry.register("requests", "Guest requests answered, by reason", requests);
        registry.register(
            "request_duration_seconds",
            "Time from a guest request's arrival to its answer",
            duration.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Guest requests that are being answered",
            in_flight.clone(),
        );
        Self { by_reason, duration, in_flight }
    }

    /// A request has come.
    pub fn begin(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight { metrics: self, begun: Instant::now() }
    }
}

impl InFlight<'_> {
    /// The request is answered; says how long that took.
    pub fn finish(self, reason: Reason) -> Duration {
        let took = self.begun.elapsed();
        self.metrics.duration.observe(took.as_secs_f64());
        if let Some(counter) = self.metrics.by_reason.get(reason as usize) {
            counter.inc();
        }
        took
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

/// Registers `innkeeper_<hop>_connections`, read from `connections` whenever somebody looks.
pub fn register_connections(registry: &mut Registry, hop: Hop, connections: Connections) {
    hop_registry(registry, hop).register_collector(Box::new(OpenConnections(connections)));
}

fn hop_registry(registry: &mut Registry, hop: Hop) -> &mut Registry {
    registry.sub_registry_with_prefix("innkeeper").sub_registry_with_prefix(hop.as_str())
}

#[derive(Debug)]
struct OpenConnections(Connections);

impl Collector for OpenConnections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let open = ConstGauge::new(i64::try_from(self.0.open()).unwrap_or(i64::MAX));
        let help = "Connections that are being served";
        let encoder = encoder.encode_descriptor("connections", help, None, open.metric_type())?;
        open.encode(encoder)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn every_hop_of_one_process_counts_for_itself() {
        let mut registry = Registry::default();
        let agent = HopMetrics::register(&mut registry, Hop::Agent);
        let api = HopMetrics::register(&mut registry, Hop::Api);
        register_connections(&mut registry, Hop::Agent, Connections::new(4));
        agent.begin().finish(Reason::NoPort);
        drop(agent.begin());
        let still = api.begin();
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "innkeeper_agent_requests_total{reason=\"no-port\"} 1",
            "innkeeper_agent_requests_total{reason=\"served\"} 0",
            "innkeeper_agent_requests_in_flight 0",
            "innkeeper_agent_request_duration_seconds_count 1",
            "innkeeper_agent_connections 0",
            "innkeeper_api_requests_in_flight 1",
            "innkeeper_api_requests_total{reason=\"no-port\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
        drop(still);
    }

    #[test]
    fn each_reason_has_its_counter() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
    }
}
