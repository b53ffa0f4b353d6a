//! The role `agent`: origin to identity.

use std::sync::Arc;

use anyhow::Context;
use innkeeper_agent::{Agent, AgentEdge, SessionTokens};
use innkeeper_model::Identity;
use innkeeper_wire::{
    Hop, NextHop,
    client::{self, ApiClient, Upstream},
    limits::{CONNECTIONS_MAX, DRAIN},
    metrics::{HopMetrics, register_connections},
    server::{Connections, serve_unix},
    session_token::SessionTokenKey,
    tls::{CertificateFiles, ClientTls},
};
use prometheus_client::registry::Registry;

use super::{
    Tasks, api, listen,
    metrics::{self, Health},
    view,
};
use crate::config::{AgentSection, ApiKind, Config};

/// Starts the role in a process of its own: it answers proxies on its socket, looks ports up at the
/// control API and asks an API over HTTP.
pub(super) fn start(config: &Config, tasks: &mut Tasks) -> anyhow::Result<()> {
    let keys = &config.agent;
    let secret = api::shared_secret(config)?;
    let mut registry = Registry::default();
    let view = view::of(&keys.control, keys.control_token_file.as_ref())?;
    let kind = match keys.api_kind {
        ApiKind::Innkeeper => client::ApiKind::Innkeeper,
        ApiKind::Nova => client::ApiKind::Nova,
    };
    let tokens = SessionTokens::system(SessionTokenKey::derived_from(&secret));
    let next = ApiClient::new(upstreams(keys)?, kind, secret);
    let metrics = HopMetrics::register(&mut registry, Hop::Agent);
    let agent = Agent::new(view, Arc::new(next), tokens, metrics);
    let agent = match kind {
        client::ApiKind::Innkeeper => agent.trusting_next_to_look(),
        client::ApiKind::Nova => agent,
    };
    let agent = Arc::new(agent);
    listen_for_proxies(config, agent, &mut registry, tasks)?;
    let health = Health::of_process();
    metrics::serve(keys.metrics_listen, "agent.metrics_listen", registry, health, tasks)
}

fn listen_for_proxies<N: NextHop<Identity>>(
    config: &Config,
    agent: Arc<Agent<N>>,
    registry: &mut Registry,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    let keys = &config.agent;
    let door = listen::unix(&keys.socket, keys.socket_group.as_ref(), "agent")?;
    tasks.listens(keys.socket.display().to_string());
    let connections = Connections::new(CONNECTIONS_MAX);
    register_connections(registry, Hop::Agent, connections.clone());
    let edge = Arc::new(AgentEdge::new(agent));
    let stop = tasks.stop();
    tasks.spawn("the agent's socket", async move {
        serve_unix(door.listener, door.policy, connections.clone(), edge, stop).await;
        connections.drain(DRAIN).await;
        Ok(())
    });
    Ok(())
}

fn upstreams(keys: &AgentSection) -> anyhow::Result<Vec<Upstream>> {
    let certificate = keys.client_certificate.clone().zip(keys.client_private_key.clone());
    let tls = ClientTls {
        ca_file: keys.ca.clone(),
        insecure: keys.insecure,
        certificate: certificate.map(|(certificate, key)| CertificateFiles { certificate, key }),
    };
    if keys.insecure {
        tracing::warn!("agent.insecure is set: anybody on the way can pass for the API");
    }
    let tls = keys.api.iter().any(|url| url.is_https()).then(|| tls.load()).transpose()?;
    let upstream = |url: &crate::config::ServiceUrl| {
        let tls = tls.clone().filter(|_| url.is_https());
        Upstream::tcp(url.host(), url.port(), tls).context("cannot use agent.api")
    };
    keys.api.iter().map(upstream).collect()
}
