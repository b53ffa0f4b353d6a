//! What hosts must bring up.

use std::collections::{HashMap, HashSet};

use innkeeper_model::{
    HostedInterface, HostedNetwork, HostedRouter, MacAddress, Network, NetworkId, PortId, RouterId,
    Topology, TopologyGeneration,
};
use ipnet::IpNet;
use rusqlite::Connection;

use crate::{
    Store, StoreError,
    column::{Address, Count, Text},
    network,
    tried::Tried,
};

impl Store {
    /// All networks and routers that hosts are to bring up, as of one generation.
    pub async fn topology(&self) -> Result<Topology, StoreError> {
        self.read(|connection| {
            let parts = Parts::read(connection)?;
            Ok(Topology {
                generation: generation(connection)?,
                networks: hosted_networks(connection, &parts)?,
                routers: hosted_routers(connection, &parts)?,
            })
        })
        .await
    }

    /// How often the topology has changed: whether it is worth reading again.
    pub async fn topology_generation(&self) -> Result<TopologyGeneration, StoreError> {
        self.read(generation).await
    }
}

/// What interfaces are put together from, each read by one query.
struct Parts {
    networks: HashMap<NetworkId, Network>,
    addresses: HashMap<PortId, Vec<IpNet>>,
}

impl Parts {
    fn read(connection: &Connection) -> Tried<Self> {
        let mut statement = connection.prepare_cached("SELECT * FROM networks")?;
        let networks = statement
            .query_map([], network::read)?
            .map(|network| network.map(|network| (network.id, network)))
            .collect::<Result<_, _>>()?;
        Ok(Self { networks, addresses: addresses(connection)? })
    }

    fn interface(
        &self,
        port_id: PortId,
        network_id: NetworkId,
        mac: MacAddress,
    ) -> Tried<HostedInterface> {
        // The foreign key of ports says so; a missing network would be damage.
        let network = self.networks.get(&network_id).ok_or_else(|| StoreError::Corrupt {
            reason: format!("port {port_id} is on network {network_id}, which does not exist"),
        })?;
        Ok(HostedInterface {
            port_id,
            network_id,
            bridge: network.bridge_name(),
            mac_address: mac,
            mtu: network.mtu,
            addresses: self.addresses.get(&port_id).cloned().unwrap_or_default(),
        })
    }
}

fn generation(connection: &Connection) -> Tried<TopologyGeneration> {
    let generation: Count = connection
        .prepare_cached("SELECT generation FROM topology WHERE only = 1")?
        .query_row([], |row| row.get(0))?;
    Ok(generation.0)
}

/// The addresses of routers' and DHCP servers' ports, each with its subnet's prefix length.
fn addresses(connection: &Connection) -> Tried<HashMap<PortId, Vec<IpNet>>> {
    let mut statement = connection.prepare_cached(
        "SELECT p.id, f.address, s.cidr
         FROM ports p JOIN fixed_ips f ON f.port_id = p.id JOIN subnets s ON s.id = f.subnet_id
         WHERE p.router_id NOT NULL OR p.dhcp_network_id NOT NULL ORDER BY p.seq, f.position",
    )?;
    let mut addresses: HashMap<PortId, Vec<IpNet>> = HashMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let port: Text<PortId> = row.get(0)?;
        let address: Address = row.get(1)?;
        let range: Text<IpNet> = row.get(2)?;
        let with_prefix = IpNet::new(address.0, range.0.prefix_len()).map_err(|e| {
            let reason = format!("{} with the prefix of {}: {e}", address.0, range.0);
            StoreError::Corrupt { reason }
        })?;
        addresses.entry(port.0).or_default().push(with_prefix);
    }
    Ok(addresses)
}

fn hosted_networks(connection: &Connection, parts: &Parts) -> Tried<Vec<HostedNetwork>> {
    let isolated = isolated(connection)?;
    let mut statement = connection.prepare_cached(
        "SELECT id, network_id, mac FROM ports WHERE dhcp_network_id NOT NULL ORDER BY seq",
    )?;
    let mut networks = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get::<_, Text<NetworkId>>(1)?.0;
        let interface =
            parts.interface(row.get::<_, Text<_>>(0)?.0, id, row.get::<_, Text<_>>(2)?.0)?;
        let metadata = parts.networks.get(&id).is_some_and(|network| {
            network.force_metadata || (network.isolated_metadata && isolated.contains(&id))
        });
        networks.push(HostedNetwork { id, interface, metadata });
    }
    Ok(networks)
}

/// Networks with a subnet that has DHCP and whose gateway address no router's port holds.
fn isolated(connection: &Connection) -> Tried<HashSet<NetworkId>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT s.network_id FROM subnets s
         WHERE s.enable_dhcp = 1 AND NOT EXISTS (
             SELECT 1 FROM fixed_ips f JOIN ports p ON p.id = f.port_id
             WHERE f.network_id = s.network_id AND f.address = s.gateway
             AND p.router_id NOT NULL)",
    )?;
    let rows = statement.query_map([], |row| Ok(row.get::<_, Text<NetworkId>>(0)?.0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hosted_routers(connection: &Connection, parts: &Parts) -> Tried<Vec<HostedRouter>> {
    let mut statement = connection.prepare_cached(
        "SELECT router_id, id, network_id, mac FROM ports WHERE router_id NOT NULL ORDER BY seq",
    )?;
    let mut interfaces: HashMap<RouterId, Vec<HostedInterface>> = HashMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let router: Text<RouterId> = row.get(0)?;
        let interface = parts.interface(
            row.get::<_, Text<_>>(1)?.0,
            row.get::<_, Text<_>>(2)?.0,
            row.get::<_, Text<_>>(3)?.0,
        )?;
        interfaces.entry(router.0).or_default().push(interface);
    }
    let mut statement = connection.prepare_cached("SELECT id FROM routers ORDER BY seq")?;
    let rows = statement.query_map([], |row| Ok(row.get::<_, Text<RouterId>>(0)?.0))?;
    let mut routers = Vec::new();
    for id in rows {
        let id = id?;
        routers.push(HostedRouter { id, interfaces: interfaces.remove(&id).unwrap_or_default() });
    }
    Ok(routers)
}
