//! What hosts ask: whose an address is, what they are to bring up, who asks for an address, and
//! what is plugged in.

use std::time::Duration;

use axum::{Json, extract::State};
use innkeeper_control_api::{DhcpClient, PortPrefixes, TOPOLOGY_WAIT_MAX};
use innkeeper_model::{
    DhcpBinding, Invalid, Origin, PluggedPort, PortOwner, Topology, TopologyGeneration,
};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::{
    failure::Failure,
    input::{Body, Parameters},
    router::Shared,
};

/// How soon a waiting host hears of a change: well within the second in which a new namespace is to
/// be served. Each look reads one row.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) async fn lookup(
    State(shared): State<Shared>,
    Body(origin): Body<Origin>,
) -> Result<Json<PortOwner>, Failure> {
    let origin = Origin::new(origin.scope, origin.address);
    Ok(Json(shared.store.port_owner(&origin).await??))
}

pub(crate) async fn dhcp_binding(
    State(shared): State<Shared>,
    Body(DhcpClient { network_id, mac_address }): Body<DhcpClient>,
) -> Result<Json<DhcpBinding>, Failure> {
    let found = shared.store.dhcp_binding(network_id, mac_address).await?;
    let not_found =
        || Failure::not_found("port", format!("with MAC address {mac_address} on {network_id}"));
    found.map(Json).ok_or_else(not_found)
}

pub(crate) async fn plugged_ports(
    State(shared): State<Shared>,
    Body(wanted): Body<PortPrefixes>,
) -> Result<Json<Vec<PluggedPort>>, Failure> {
    Ok(Json(shared.store.plugged_ports(wanted.prefixes).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Watch {
    after: Option<TopologyGeneration>,
    wait_seconds: Option<u64>,
}

pub(crate) async fn topology(
    State(shared): State<Shared>,
    Parameters(watch): Parameters<Watch>,
) -> Result<Json<Topology>, Failure> {
    let wait = Duration::from_secs(watch.wait_seconds.unwrap_or_default());
    if wait > TOPOLOGY_WAIT_MAX {
        let reason = format!("is more than {}", TOPOLOGY_WAIT_MAX.as_secs());
        return Err(Invalid::new("wait_seconds", reason).into());
    }
    if let Some(after) = watch.after {
        wait_for_change(&shared, after, Instant::now() + wait).await?;
    }
    Ok(Json(shared.store.topology().await?))
}

/// Returns when the generation differs from `after`, at `until`, or when the server stops.
async fn wait_for_change(
    shared: &Shared,
    after: TopologyGeneration,
    until: Instant,
) -> Result<(), Failure> {
    while shared.store.topology_generation().await? == after && Instant::now() < until {
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = shared.stop.cancelled() => break,
        }
    }
    Ok(())
}
