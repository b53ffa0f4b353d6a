//! A network view that says what a test tells it.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::time::Duration;

use innkeeper_host::NetworkSource;
use innkeeper_model::{
    DhcpBinding, MacAddress, NetworkId, PluggedPort, Topology, TopologyGeneration,
};
use innkeeper_network_view::ViewUnavailable;
use tokio::sync::watch;

/// What it knows; nothing while it is away.
#[derive(Debug, Clone, Default)]
struct Known {
    topology: Topology,
    ports: Vec<PluggedPort>,
    bindings: Vec<(NetworkId, MacAddress, DhcpBinding)>,
}

/// A scripted view; clones share the script.
#[derive(Debug, Clone)]
pub(crate) struct Scripted(watch::Sender<Option<Known>>);

impl Scripted {
    pub(crate) fn away() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(crate) fn of(topology: &Topology) -> Self {
        let scripted = Self::away();
        scripted.tell(topology.clone());
        scripted
    }

    pub(crate) fn tell(&self, topology: Topology) {
        self.0.send_modify(|known| known.get_or_insert_default().topology = topology);
    }

    pub(crate) fn plug(&self, ports: &[PluggedPort]) {
        self.0.send_modify(|known| known.get_or_insert_default().ports = ports.to_vec());
    }

    pub(crate) fn bind(&self, network: NetworkId, mac: MacAddress, binding: DhcpBinding) {
        self.0.send_modify(|known| {
            known.get_or_insert_default().bindings.push((network, mac, binding));
        });
    }

    pub(crate) fn go_away(&self) {
        self.0.send_replace(None);
    }

    fn known(&self) -> Result<Known, ViewUnavailable> {
        self.0.borrow().clone().ok_or_else(|| ViewUnavailable("the store is away".to_owned()))
    }
}

impl NetworkSource for Scripted {
    async fn topology(
        &self,
        after: Option<TopologyGeneration>,
        wait: Duration,
    ) -> Result<Topology, ViewUnavailable> {
        let mut told = self.0.subscribe();
        let is_news = |known: &Option<Known>| {
            known.as_ref().is_none_or(|known| Some(known.topology.generation) != after)
        };
        let _ = tokio::time::timeout(wait, told.wait_for(is_news)).await;
        Ok(self.known()?.topology)
    }

    async fn plugged_ports(
        &self,
        prefixes: Vec<String>,
    ) -> Result<Vec<PluggedPort>, ViewUnavailable> {
        let mut ports = self.known()?.ports;
        ports.retain(|port| {
            let id = port.id.to_string();
            prefixes.iter().any(|prefix| id.starts_with(prefix))
        });
        Ok(ports)
    }

    async fn dhcp_binding(
        &self,
        network: NetworkId,
        mac: MacAddress,
    ) -> Result<Option<DhcpBinding>, ViewUnavailable> {
        let bindings = self.known()?.bindings;
        let found = bindings.into_iter().find(|(on, of, _)| (*on, *of) == (network, mac));
        Ok(found.map(|(_, _, binding)| binding))
    }
}
