//! The role `proxy`: listeners in namespaces.

use std::sync::Arc;

use innkeeper_model::Origin;
use innkeeper_proxy::{Proxy, ProxyConfig};
use innkeeper_wire::{NextHop, client::AgentClient, limits::CONNECTIONS_MAX};
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};

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
) -> Arc<Proxy<N>> {
    let proxy_config = ProxyConfig {
        netns_dir: config.netns.dir.clone(),
        metadata_port: config.netns.metadata_port.get(),
        metadata_path: config.netns.metadata_path,
        connections_max: connections_max(),
    };
    let proxy = Arc::new(Proxy::new(proxy_config, next, registry));
    let serving = Arc::clone(&proxy);
    tasks.listens(format!("the namespaces in {}", config.netns.dir.display()));
    let stop = tasks.stop();
    tasks.spawn("the proxy", async move { Ok(serving.run(stop).await?) });
    proxy
}

/// As many connections as the descriptors of this process allow.
fn connections_max() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = ProxyConfig::connections_within(descriptors);
    if connections < CONNECTIONS_MAX {
        tracing::warn!(
            descriptors,
            connections,
            "the limit of open files leaves guests few connections: raise it to 20000 \
             (LimitNOFILE= in the unit, --ulimit nofile= in a container)"
        );
    }
    connections
}
