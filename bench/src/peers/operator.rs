//! Who makes instances: an operator's program at the control API, since a command for each would
//! take longer than what is measured.

use std::{net::Ipv4Addr, ops::Range, path::Path, sync::Arc};

use anyhow::Context;
use innkeeper_control_api::{Client, ControlAddress, ListFilter};
use innkeeper_model::{
    Flavor, FlavorId, Instance, KeyPair, Network, NetworkId, NetworkRequest, NewInstance, Port,
    Subnet,
};
use serde_json::json;
use tokio::{runtime::Runtime, task::JoinSet};

/// Requests under way at once: enough that the API never waits for the next one.
const AT_ONCE: usize = 4;
/// The project of everything that is measured.
pub(super) const PROJECT: &str = "bench";
/// The guests' network, as a world names a tenant's first.
const GUESTS_NETWORK: &str = "lan";
/// Of the guests' network.
const NETWORK_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);
/// The first guest's address; those before are the router's and the network's own.
const FIRST_OFFSET: u32 = 16;
/// Instances of a network that nobody asks from.
const OTHERS_PER_NETWORK: usize = 1000;
/// Room for them; every network may have the same.
const OTHERS_RANGE: &str = "192.168.0.0/21";
/// The name of the instances' key pair.
pub(super) const KEY_PAIR: &str = "bench";
/// What the instances are told; of the size of a short cloud-config.
pub(super) const USER_DATA: &str = "I2Nsb3VkLWNvbmZpZwpydW5jbWQ6Ci0gW2VjaG8sIGhlbGxvXQo=";
/// An RSA key's length, which is what most of meta_data.json is.
const KEY_LETTERS: usize = 372;
/// How the base64 of every RSA key of 2,048 bits begins.
const KEY_BEGINNING: &str = "AAAAB3NzaC1yc2EAAAADAQABAAABAQ";

/// A client of the control API and the thread's runtime for it.
#[derive(Debug)]
pub(super) struct Operator {
    client: Client,
    runtime: Runtime,
    flavor: FlavorId,
}

impl Operator {
    /// An operator at the control socket of a world whose project has a flavor.
    pub(super) fn new(socket: &Path) -> anyhow::Result<Self> {
        let client = Client::new(ControlAddress::Unix(socket.to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let flavors = runtime.block_on(client.list::<Flavor>(&ListFilter::default()))?;
        let flavor = flavors.into_iter().next().context("the world has no flavor")?.id;
        Ok(Self { client, runtime, flavor })
    }

    /// Makes the key pair that all instances have.
    pub(super) fn make_key_pair(&self) -> anyhow::Result<()> {
        let key = json!({
            "project_id": PROJECT,
            "name": KEY_PAIR,
            "type": "ssh",
            "public_key": public_key(),
        });
        let key = serde_json::from_value(key).context("describe a key pair")?;
        self.runtime.block_on(self.client.create::<KeyPair>(&key)).context("make a key pair")?;
        Ok(())
    }

    /// The project's network.
    pub(super) fn network(&self) -> anyhow::Result<NetworkId> {
        let name = Some(GUESTS_NETWORK.to_owned());
        let filter = ListFilter { project_id: Some(PROJECT.parse()?), name };
        let networks = self.runtime.block_on(self.client.list::<Network>(&filter))?;
        Ok(networks.into_iter().next().context("the world has no network")?.id)
    }

    /// Makes guests on a network, at addresses one after the other.
    pub(super) fn make_guests(
        &self,
        network: NetworkId,
        count: usize,
    ) -> anyhow::Result<Vec<Ipv4Addr>> {
        let made = self.each(0..count, move |client, flavor, number| async move {
            let offset = FIRST_OFFSET + u32::try_from(number)?;
            let address = Ipv4Addr::from_bits(NETWORK_ADDRESS.to_bits() + offset);
            let port = json!({
                "project_id": PROJECT,
                "network_id": network,
                "fixed_ips": [{ "ip_address": address }],
            });
            let port = serde_json::from_value(port).context("describe a port")?;
            let port = client.create::<Port>(&port).await?;
            let draft = draft(NetworkRequest::Port(port.id), &flavor, number)?;
            client.create::<Instance>(&draft).await?;
            Ok(address)
        });
        let mut made = made.context("make guests by the control API")?;
        made.sort_unstable();
        Ok(made)
    }

    /// Makes instances that nobody here asks for, in networks that this host has nothing to do for.
    pub(super) fn make_others(&self, count: usize) -> anyhow::Result<()> {
        let networks =
            self.each(0..count.div_ceil(OTHERS_PER_NETWORK), |client, _, number| async move {
                let network = json!({
                    "project_id": PROJECT,
                    "name": format!("other{number}"),
                    "isolated_metadata": false,
                });
                let network = serde_json::from_value(network).context("describe a network")?;
                let network = client.create::<Network>(&network).await?.id;
                let subnet = json!({
                    "network_id": network,
                    "name": format!("other{number}"),
                    "cidr": OTHERS_RANGE,
                    "enable_dhcp": false,
                });
                let subnet = serde_json::from_value(subnet).context("describe a subnet")?;
                client.create::<Subnet>(&subnet).await?;
                Ok(network)
            });
        let networks = Arc::new(networks.context("make networks by the control API")?);
        let made = self.each(0..count, move |client, flavor, number| {
            let network = networks.get(number / OTHERS_PER_NETWORK).copied();
            async move {
                let network = network.context("there is a network for each thousand")?;
                let draft = draft(NetworkRequest::Network(network), &flavor, number)?;
                client.create::<Instance>(&draft).await?;
                Ok(())
            }
        });
        made.context("make instances by the control API").map(|_| ())
    }

    /// Makes one thing for each number, some at a time; returns when the last is acknowledged.
    fn each<T, Making>(
        &self,
        numbers: Range<usize>,
        make: impl Fn(Client, FlavorId, usize) -> Making + Clone + Send + 'static,
    ) -> anyhow::Result<Vec<T>>
    where
        T: Send + 'static,
        Making: Future<Output = anyhow::Result<T>> + Send + 'static,
    {
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for first in 0..AT_ONCE {
                let (client, flavor, make) =
                    (self.client.clone(), self.flavor.clone(), make.clone());
                let numbers: Vec<usize> = numbers.clone().skip(first).step_by(AT_ONCE).collect();
                tasks.spawn(async move {
                    let mut made = Vec::with_capacity(numbers.len());
                    for number in numbers {
                        made.push(make(client.clone(), flavor.clone(), number).await?);
                    }
                    anyhow::Ok(made)
                });
            }
            let mut made = Vec::with_capacity(numbers.len());
            while let Some(some) = tasks.join_next().await {
                made.extend(some??);
            }
            anyhow::Ok(made)
        })
    }
}

fn draft(network: NetworkRequest, flavor: &FlavorId, number: usize) -> anyhow::Result<NewInstance> {
    let draft = json!({
        "project_id": PROJECT,
        "name": format!("web{number}"),
        "flavor_id": flavor,
        "key_name": KEY_PAIR,
        "user_data": USER_DATA,
        "availability_zone": "nova",
        "metadata": { "role": "web", "number": number.to_string() },
    });
    let mut draft: NewInstance = serde_json::from_value(draft).context("describe an instance")?;
    draft.networks = vec![network];
    Ok(draft)
}

/// The public half of the instances' key pair, without a private half.
pub(super) fn public_key() -> String {
    format!("ssh-rsa {KEY_BEGINNING}{} bench", "A".repeat(KEY_LETTERS - KEY_BEGINNING.len()))
}
