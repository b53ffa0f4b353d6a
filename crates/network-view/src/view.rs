use std::time::Duration;

use innkeeper_control_api::{Client, ControlError};
use innkeeper_model::{
    DhcpBinding, MacAddress, NetworkId, Origin, PluggedPort, PortOwner, Topology,
    TopologyGeneration, limits,
};
use innkeeper_store::{Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::{LookupError, ViewUnavailable};

/// How soon a change in the store is seen by who waits for one in the same process.
const STORE_POLL: Duration = Duration::from_millis(100);

/// The view of the networks, wherever it comes from.
#[derive(Debug, Clone)]
pub enum NetworkView {
    /// From the store of this process.
    Store(Store),
    /// From the control API of another process.
    Control(Client),
}

impl NetworkView {
    /// Whose port the origin's address is, if that is certain without asking anybody.
    pub fn known(&self, origin: &Origin) -> Option<PortOwner> {
        match self {
            Self::Store(store) => store.kept_owner(origin),
            Self::Control(_) => None,
        }
    }

    /// Whether anything is ever certain without asking.
    pub const fn may_know(&self) -> bool {
        matches!(self, Self::Store(_))
    }

    /// Whose port the origin's address is: one port of one machine, or nobody.
    pub async fn lookup(&self, origin: &Origin) -> Result<PortOwner, LookupError> {
        match self {
            Self::Store(store) => {
                let found = store.port_owner(origin).await.map_err(|e| unavailable(&e))?;
                Ok(found?)
            }
            Self::Control(client) => {
                client.port_owner_lookup(origin).await.map_err(|error| match error {
                    ControlError::LookupRefused(refusal) => LookupError::Refused(refusal),
                    other => LookupError::Unavailable(away(&other)),
                })
            }
        }
    }

    /// All networks and routers to bring up. With `after`, the generation already known, it waits
    /// up to `wait` for a later one and gives whatever is true then.
    pub async fn topology(
        &self,
        after: Option<TopologyGeneration>,
        wait: Duration,
    ) -> Result<Topology, ViewUnavailable> {
        match self {
            Self::Store(store) => {
                await_generation(store, after, wait).await?;
                store.topology().await.map_err(|e| unavailable(&e))
            }
            Self::Control(client) => client.topology(after, wait).await.map_err(|e| away(&e)),
        }
    }

    /// What DHCP has to tell whoever has this MAC address on this network; nothing if it is no
    /// port's, or a router's or the DHCP server's own.
    pub async fn dhcp_binding(
        &self,
        network: NetworkId,
        mac: MacAddress,
    ) -> Result<Option<DhcpBinding>, ViewUnavailable> {
        match self {
            Self::Store(store) => {
                store.dhcp_binding(network, mac).await.map_err(|e| unavailable(&e))
            }
            Self::Control(client) => client.dhcp_binding(network, mac).await.map_err(|e| away(&e)),
        }
    }

    /// The ports whose ids begin with one of `prefixes`, however many these are: the first eleven
    /// characters of an id each, as in `tap…`. Routers' and DHCP servers' ports are left out.
    pub async fn plugged_ports(
        &self,
        mut prefixes: Vec<String>,
    ) -> Result<Vec<PluggedPort>, ViewUnavailable> {
        let mut ports = Vec::new();
        while !prefixes.is_empty() {
            let later = prefixes.split_off(prefixes.len().min(limits::PORT_PREFIXES_MAX));
            let found = match self {
                Self::Store(store) => {
                    store.plugged_ports(prefixes).await.map_err(|e| unavailable(&e))
                }
                Self::Control(client) => client.plugged_ports(prefixes).await.map_err(|e| away(&e)),
            };
            ports.extend(found?);
            prefixes = later;
        }
        Ok(ports)
    }
}

async fn await_generation(
    store: &Store,
    after: Option<TopologyGeneration>,
    wait: Duration,
) -> Result<(), ViewUnavailable> {
    let Some(known) = after else { return Ok(()) };
    let until = Instant::now() + wait;
    while Instant::now() < until {
        if store.topology_generation().await.map_err(|e| unavailable(&e))? != known {
            return Ok(());
        }
        sleep(STORE_POLL).await;
    }
    Ok(())
}

/// What the store says no to is the store's fault, or a defect of who asks: nothing is learnt of the
/// networks either way.
fn unavailable(error: &StoreError) -> ViewUnavailable {
    ViewUnavailable(error.to_string())
}

fn away(error: &ControlError) -> ViewUnavailable {
    ViewUnavailable(error.to_string())
}
