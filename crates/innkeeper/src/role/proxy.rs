//! The role `proxy`: listeners in namespaces.

use std::sync::Arc;

use innkeeper_model::Origin;
use innkeeper_proxy::{Proxy, ProxyConfig};
use innkeeper_wire::{NextHop, client::AgentClient};
use prometheus_client::registry::Registry;

use super::{
    Tasks,
    metrics::{self, Health},
};
use crate::config::Config;

/// Starts the role in a process of its own: it asks the agent's socket.
pub(super) fn start(config: &Config, tasks: &mut Tasks) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let agent = Arc::new(AgentClient::new(config.proxy.agent_socket.clone()));
    listen_in_namespaces(config, agent, &mut registry, tasks);
    let health = Health::of_process();
    metrics::serve(config.proxy.metrics_listen, "proxy.metrics_listen", registry, health, tasks)
}

/// Answers guests in every namespace by asking `next`.
pub(super) fn listen_in_namespaces<N: NextHop<Origin>>(
    config: &Config,
    next: Arc<N>,
    registry: &mut Registry,
    tasks: &mut Tasks,
) {
    let proxy_config = ProxyConfig {
        netns_dir: config.netns.dir.clone(),
        metadata_port: config.netns.metadata_port.get(),
        ..ProxyConfig::default()
    };
    let proxy = Proxy::new(proxy_config, next, registry);
    tasks.listens(format!("the namespaces in {}", config.netns.dir.display()));
    let stop = tasks.stop();
    tasks.spawn("the proxy", async move { Ok(proxy.run(stop).await?) });
}
