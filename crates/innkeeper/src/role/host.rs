//! The role `host`: makes this machine's namespaces and answers DHCP in them.

use innkeeper_host::{Host, HostConfig, Keeper, dhcp::DhcpSettings};
use innkeeper_network_view::NetworkView;
use prometheus_client::registry::Registry;

use super::{
    Tasks, host_metrics,
    metrics::{self, Health},
    view,
};
use crate::config::{Config, Name};

/// Starts the role in a process of its own: it asks the control API what to bring up.
pub(super) fn start(config: &Config, tasks: &mut Tasks) -> anyhow::Result<()> {
    let keys = &config.host;
    let view = view::of(&keys.control, keys.control_token_file.as_ref())?;
    let mut registry = Registry::default();
    let host = of(config, config.dhcp.domain.as_ref());
    bring_up(host, view, &mut registry, tasks)?;
    let health = Health::of_process();
    metrics::serve(keys.metrics_listen, "host.metrics_listen", registry, health, tasks)
}

/// The role as configured. Guests are told of `domain`.
pub(super) fn of(config: &Config, domain: Option<&Name>) -> Host {
    let dhcp = config.dhcp.enabled.then(|| DhcpSettings {
        lease_seconds: config.dhcp.lease_seconds.number(),
        domain: domain.map(|domain| domain.as_str().to_owned()),
    });
    Host::new(HostConfig { dhcp, ..without_dhcp(config) })
}

/// Keeps this machine as `view` wants it.
pub(super) fn bring_up(
    host: Host,
    view: NetworkView,
    registry: &mut Registry,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    let keeper = Keeper::claim()?;
    host_metrics::register(registry, host.clone());
    let stop = tasks.stop();
    tasks.spawn("the host", async move {
        host.follow(&view, stop).await;
        drop(keeper);
        Ok(())
    });
    Ok(())
}

/// What the role and the commands that look after it have in common.
pub(super) fn without_dhcp(config: &Config) -> HostConfig {
    HostConfig {
        netns_dir: config.netns.dir.clone(),
        metadata_path: config.netns.metadata_path,
        metadata_port: config.netns.metadata_port.get(),
        nft: config.host.nft.clone(),
        dhcp: None,
    }
}
