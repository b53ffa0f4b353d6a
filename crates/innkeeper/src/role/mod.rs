//! The roles, each startable alone or, by `serve`, together in one process.

mod agent;
mod api;
mod control;
mod host;
mod host_command;
mod host_metrics;
mod listen;
mod metrics;
mod proxy;
mod serve;
mod tasks;
mod vendor_data;
mod view;

use tokio_util::sync::CancellationToken;

pub(crate) use self::host_command::{HostCommand, run as run_host_command};
use self::tasks::Tasks;
use crate::config::Config;

/// What a process can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The metadata API and the control API; the only one with the database.
    Api,
    /// Origin to identity.
    Agent,
    /// Listeners in namespaces.
    Proxy,
    /// This machine's namespaces.
    Host,
    /// All of them.
    Serve,
}

impl Role {
    /// Every role.
    pub(crate) const ALL: &'static [Self] =
        &[Self::Api, Self::Agent, Self::Proxy, Self::Host, Self::Serve];

    /// The command that runs it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Agent => "agent",
            Self::Proxy => "proxy",
            Self::Host => "host",
            Self::Serve => "serve",
        }
    }
}

/// Runs a role until it is told to stop and has finished what it began.
pub(crate) async fn run(
    role: Role,
    config: &Config,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut tasks = Tasks::new(stop);
    match role {
        Role::Api => api::start(config, &mut tasks).await?,
        Role::Agent => agent::start(config, &mut tasks)?,
        Role::Proxy => proxy::start(config, &mut tasks)?,
        Role::Host => host::start(config, &mut tasks)?,
        Role::Serve => serve::start(config, &mut tasks).await?,
    }
    tracing::info!(role = role.as_str(), listening = %tasks.listening(), "ready");
    crate::notify::ready();
    tasks.run().await
}
