//! What hosts must bring up.

use std::collections::HashMap;

use innkeeper_model::{
    HostedBridge, HostedInterface, HostedNetwork, HostedRouter, HostedSubnet, MetadataHolder,
    Network, NetworkId, PortId, RouterId, Subnet, Topology, TopologyGeneration,
};
use ipnet::IpNet;
use rusqlite::Connection;

use crate::{
    Store, StoreError,
    column::{Address, Count, Text},
    metadata_holder, network, subnet,
    tried::Tried,
};

// The conditions are word for word that of the index on these few ports, and CROSS JOIN keeps SQLite
// from beginning with everybody's addresses.
const PORTS: &str = "SELECT id, network_id, mac, router_id FROM ports
     WHERE router_id IS NOT NULL OR dhcp_network_id IS NOT NULL ORDER BY seq";
const ADDRESSES: &str = "SELECT p.id, f.address, s.cidr
     FROM ports p CROSS JOIN fixed_ips f ON f.port_id = p.id
     CROSS JOIN subnets s ON s.id = f.subnet_id
     WHERE p.router_id IS NOT NULL OR p.dhcp_network_id IS NOT NULL ORDER BY p.seq, f.position";

impl Store {
    /// All networks and routers that hosts are to bring up, as of one generation.
    ///
    /// A fixed number of queries, however many networks there are; machines' ports are not read.
    pub async fn topology(&self) -> Result<Topology, StoreError> {
        self.read(|connection| {
            let mut ports = InfrastructurePorts::read(connection)?;
            let mut networks = hosted_networks(connection, &mut ports.dhcp)?;
            metadata_holder::appoint(&mut networks, &mut ports.routers);
            Ok(Topology {
                generation: generation(connection)?,
                networks,
                routers: hosted_routers(connection, ports.routers)?,
            })
        })
        .await
    }

    /// How often the topology has changed: whether it is worth reading again.
    pub async fn topology_generation(&self) -> Result<TopologyGeneration, StoreError> {
        self.read(generation).await
    }
}

fn generation(connection: &Connection) -> Tried<TopologyGeneration> {
    let generation: Count = connection
        .prepare_cached("SELECT generation FROM topology WHERE only = 1")?
        .query_row([], |row| row.get(0))?;
    Ok(generation.0)
}

/// The ports of our own in namespaces; none of them holds a metadata address yet.
struct InfrastructurePorts {
    dhcp: HashMap<NetworkId, HostedInterface>,
    /// Oldest first.
    routers: Vec<(RouterId, HostedInterface)>,
}

impl InfrastructurePorts {
    fn read(connection: &Connection) -> Tried<Self> {
        let mut addresses = addresses(connection)?;
        let mut statement = connection.prepare_cached(PORTS)?;
        let mut ports = Self { dhcp: HashMap::new(), routers: Vec::new() };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let port_id = row.get::<_, Text<_>>(0)?.0;
            let network_id = row.get::<_, Text<_>>(1)?.0;
            let interface = HostedInterface {
                port_id,
                network_id,
                mac_address: row.get::<_, Text<_>>(2)?.0,
                addresses: addresses.remove(&port_id).unwrap_or_default(),
                metadata: MetadataHolder::default(),
            };
            match row.get::<_, Option<Text<RouterId>>>(3)? {
                Some(router) => ports.routers.push((router.0, interface)),
                None => {
                    ports.dhcp.insert(network_id, interface);
                }
            }
        }
        Ok(ports)
    }
}

/// The addresses of routers' and DHCP servers' ports, each with its subnet's prefix length.
fn addresses(connection: &Connection) -> Tried<HashMap<PortId, Vec<IpNet>>> {
    let mut statement = connection.prepare_cached(ADDRESSES)?;
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

fn hosted_networks(
    connection: &Connection,
    dhcp: &mut HashMap<NetworkId, HostedInterface>,
) -> Tried<Vec<HostedNetwork>> {
    let mut subnets = hosted_subnets(connection)?;
    let mut statement = connection.prepare_cached("SELECT * FROM networks ORDER BY seq")?;
    let rows = statement.query_map([], network::read)?;
    let hosted = rows.map(|network| {
        let network = network?;
        Ok(HostedNetwork {
            id: network.id,
            bridge: bridge(&network),
            mtu: network.mtu,
            dhcp: dhcp.remove(&network.id),
            subnets: subnets.remove(&network.id).unwrap_or_default(),
            force_metadata: network.force_metadata,
            isolated_metadata: network.isolated_metadata,
        })
    });
    hosted.collect()
}

fn bridge(network: &Network) -> HostedBridge {
    HostedBridge { name: network.bridge_name(), ours: network.bridge.is_none() }
}

/// Every network's subnets, oldest first.
fn hosted_subnets(connection: &Connection) -> Tried<HashMap<NetworkId, Vec<HostedSubnet>>> {
    let mut statement = connection.prepare_cached(
        "SELECT s.*, NOT EXISTS (
             SELECT 1 FROM fixed_ips f JOIN ports p ON p.id = f.port_id
             WHERE f.network_id = s.network_id AND f.address = s.gateway
             AND p.router_id IS NOT NULL) AS isolated
         FROM subnets s ORDER BY s.seq",
    )?;
    let mut subnets: HashMap<NetworkId, Vec<HostedSubnet>> = HashMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Subnet {
            id,
            network_id,
            cidr,
            gateway_ip,
            dns_nameservers,
            host_routes,
            enable_dhcp,
            ..
        } = subnet::read(row)?;
        subnets.entry(network_id).or_default().push(HostedSubnet {
            id,
            cidr,
            gateway_ip,
            dns_nameservers,
            host_routes,
            enable_dhcp,
            isolated: row.get("isolated")?,
        });
    }
    Ok(subnets)
}

fn hosted_routers(
    connection: &Connection,
    ports: Vec<(RouterId, HostedInterface)>,
) -> Tried<Vec<HostedRouter>> {
    let mut interfaces: HashMap<RouterId, Vec<HostedInterface>> = HashMap::new();
    for (router, interface) in ports {
        interfaces.entry(router).or_default().push(interface);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration;

    #[test]
    fn machines_ports_are_not_looked_at() {
        let mut connection = Connection::open_in_memory().expect("memory");
        migration::migrate(&mut connection).expect("a schema");
        for sql in [PORTS, ADDRESSES] {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let mut statement = connection.prepare(&explain).expect("sql");
            let rows = statement.query_map([], |row| row.get::<_, String>("detail")).expect("rows");
            let plan: Vec<String> = rows.map(|step| step.expect("a step")).collect();
            assert!(plan[0].ends_with("USING INDEX ports_infrastructure"), "{plan:?}");
        }
    }
}
