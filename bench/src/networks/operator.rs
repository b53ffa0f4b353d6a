//! Who makes networks: an operator's program at the control API, since a command for each would take
//! longer than what is measured.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::Context;
use innkeeper_control_api::{Client, ControlAddress};
use innkeeper_model::{Network, NetworkId, NewNetwork, NewProject, NewSubnet, Project, Subnet};
use tokio::{runtime::Runtime, task::JoinSet};

/// Requests under way at once: enough that the API never waits for the next one.
const AT_ONCE: usize = 4;
/// Every network's range: they are isolated, so that they may all have the same.
const RANGE: &str = "10.0.0.0/24";
const PROJECT: &str = "bench";

/// A client of the control API and the thread's runtime for it.
#[derive(Debug)]
pub(super) struct Operator {
    socket: PathBuf,
    runtime: Runtime,
}

impl Operator {
    /// Makes the project that all networks belong to.
    pub(super) fn new(socket: &Path) -> anyhow::Result<Self> {
        let client = Client::new(ControlAddress::Unix(socket.to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let project = NewProject {
            id: Some(PROJECT.parse()?),
            name: PROJECT.to_owned(),
            description: String::new(),
        };
        runtime.block_on(client.create::<Project>(&project)).context("make a project")?;
        Ok(Self { socket: socket.to_owned(), runtime })
    }

    /// Makes these networks, each isolated, with one IPv4 subnet that has DHCP; returns when the last
    /// one is acknowledged.
    pub(super) fn make_networks(&self, numbers: Range<usize>) -> anyhow::Result<Vec<NetworkId>> {
        let make = async {
            // Of an earlier client the server may have closed connections: nothing of this runtime
            // goes on between one call and the next.
            let client = Client::new(ControlAddress::Unix(self.socket.clone()));
            let mut tasks = JoinSet::new();
            for first in 0..AT_ONCE {
                let client = client.clone();
                let numbers: Vec<usize> = numbers.clone().skip(first).step_by(AT_ONCE).collect();
                tasks.spawn(async move { make_each(&client, &numbers).await });
            }
            let mut made = Vec::with_capacity(numbers.len());
            while let Some(some) = tasks.join_next().await {
                made.extend(some??);
            }
            anyhow::Ok(made)
        };
        self.runtime.block_on(make).context("make networks by the control API")
    }
}

async fn make_each(client: &Client, numbers: &[usize]) -> anyhow::Result<Vec<NetworkId>> {
    let mut made = Vec::with_capacity(numbers.len());
    for number in numbers {
        let network = NewNetwork {
            id: None,
            project_id: PROJECT.parse()?,
            name: format!("lan{number}"),
            mtu: None,
            bridge: None,
            force_metadata: false,
            isolated_metadata: true,
        };
        let network_id = client.create::<Network>(&network).await?.id;
        let subnet = NewSubnet {
            id: None,
            network_id,
            name: format!("lan{number}"),
            cidr: RANGE.parse()?,
            gateway_ip: None,
            no_gateway: false,
            dns_nameservers: Vec::new(),
            host_routes: Vec::new(),
            enable_dhcp: true,
            ipv6_address_mode: None,
            ipv6_ra_mode: None,
        };
        client.create::<Subnet>(&subnet).await?;
        made.push(network_id);
    }
    Ok(made)
}
