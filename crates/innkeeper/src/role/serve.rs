//! `innkeeper serve`: every role in one process, calling each other directly.

use std::sync::Arc;

use anyhow::Context as _;
use innkeeper_agent::{Agent, SessionTokens};
use innkeeper_network_view::NetworkView;
use innkeeper_wire::{Hop, metrics::HopMetrics, session_token::SessionTokenKey};
use prometheus_client::registry::Registry;

use super::{
    Tasks,
    api::{self, Backend},
    control, host,
    metrics::{self, Health},
    proxy,
};
use crate::config::Config;

/// Starts everything. Between the roles there is no socket, so that there is nothing to sign
/// either; the shared secret is needed only where other machines' agents may ask. Session tokens
/// are signed with a key made of it where it is there.
pub(super) async fn start(config: &Config, tasks: &mut Tasks) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let backend = Backend::open(config, &mut registry, tasks).await?;
    if let Some(address) = config.serve.api_listen {
        let secret = api::shared_secret(config)?;
        let listener = (address, "serve.api_listen");
        api::listen_for_agents(listener, config, secret, &backend, &mut registry, tasks)?;
    }
    control::start(config, &backend, tasks)?;

    let view = NetworkView::Store(backend.store.clone());
    let metrics = HopMetrics::register(&mut registry, Hop::Agent);
    let tokens = SessionTokens::system(session_token_key(config)?);
    let agent = Arc::new(Agent::new(view.clone(), Arc::clone(&backend.api), tokens, metrics));
    let proxy = proxy::listen_in_namespaces(config, agent, &mut registry, tasks);
    if config.serve.host {
        let domain = config.dhcp.domain.as_ref().or(config.api.dhcp_domain.as_ref());
        let host = host::of(config, domain).telling(move || proxy.look_now());
        host::bring_up(host, view, &mut registry, tasks)?;
    }
    let health = Health::of_store(backend.store, tasks);
    metrics::serve(config.serve.metrics_listen, "serve.metrics_listen", registry, health, tasks)
}

/// The key that other machines' agents have too. Where no secret was made there are no such agents:
/// then a key of this process's own will do, and its tokens end with it.
fn session_token_key(config: &Config) -> anyhow::Result<SessionTokenKey> {
    let file = config.secrets.shared_secret_file.path();
    if file.try_exists().with_context(|| format!("cannot look for {}", file.display()))? {
        return Ok(SessionTokenKey::derived_from(&api::shared_secret(config)?));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("cannot get random bytes from the kernel: {error}"))?;
    Ok(SessionTokenKey::of_random_bytes(bytes))
}
