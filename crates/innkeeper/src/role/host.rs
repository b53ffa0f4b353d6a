//! The role `host`: makes this machine's namespaces.

use innkeeper_host::{Host, HostConfig};
use innkeeper_network_view::NetworkView;
use prometheus_client::registry::Registry;

use super::{
    Tasks, host_metrics,
    metrics::{self, Health},
    view,
};
use crate::config::Config;

/// Starts the role in a process of its own: it asks the control API what to bring up.
pub(super) fn start(config: &Config, tasks: &mut Tasks) -> anyhow::Result<()> {
    let keys = &config.host;
    let view = view::of(&keys.control, keys.control_token_file.as_ref())?;
    let mut registry = Registry::default();
    bring_up(config, view, &mut registry, tasks);
    let health = Health::of_process();
    metrics::serve(keys.metrics_listen, "host.metrics_listen", registry, health, tasks)
}

/// Keeps this machine as `view` wants it.
pub(super) fn bring_up(
    config: &Config,
    view: NetworkView,
    registry: &mut Registry,
    tasks: &mut Tasks,
) {
    let host = Host::new(HostConfig {
        netns_dir: config.netns.dir.clone(),
        metadata_path: config.netns.metadata_path,
        metadata_port: config.netns.metadata_port.get(),
        nft: config.host.nft.clone(),
    });
    host_metrics::register(registry, host.clone());
    let stop = tasks.stop();
    tasks.spawn("the host", async move {
        host.follow(&view, stop).await;
        Ok(())
    });
}
