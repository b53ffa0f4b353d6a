//! What the host role counts.

use std::fmt;

use innkeeper_host::Host;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
    registry::Registry,
};

/// Registers `innkeeper_host_namespaces`, `…_failures`, `…_taps`, `…_dhcp_networks`, `…_remarks`,
/// `…_view_away` and `…_last_pass_seconds`.
pub(super) fn register(registry: &mut Registry, host: Host) {
    registry
        .sub_registry_with_prefix("innkeeper")
        .sub_registry_with_prefix("host")
        .register_collector(Box::new(HostGauges(host)));
}

#[derive(Debug)]
struct HostGauges(Host);

impl Collector for HostGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.0.status();
        for (name, help, value) in [
            ("namespaces", "Namespaces that this machine keeps up", status.namespaces),
            (
                "failures",
                "Networks and routers that could not be brought up",
                status.failures().count(),
            ),
            ("taps", "Taps of machines that are guarded", status.taps),
            ("dhcp_networks", "Networks in which DHCP is answered", status.dhcp_networks),
            (
                "remarks",
                "What an operator should know; see innkeeper host status",
                status.remarks.len(),
            ),
            ("view_away", "1 while no topology can be had", status.view_error.is_some().into()),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let (name, help) = ("last_pass_seconds", "How long the last look at the networks took");
        let gauge = ConstGauge::new(status.last_pass.as_secs_f64());
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
    }
}
