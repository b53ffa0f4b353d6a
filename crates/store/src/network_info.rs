//! An instance's interfaces as documents need them, derived from its ports.

use std::{collections::HashMap, net::IpAddr};

use innkeeper_model::{
    InstanceId, Network, Port, PortId, Subnet, SubnetId, Vif, VifAddress, VifIp, VifNetwork,
    VifNetworkMeta, VifRoute, VifSubnet, VifSubnetMeta,
};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    addresses,
    column::{Address, Text},
    network, port, subnet,
    tried::Tried,
};

/// What an instance's ports tell its guest.
pub(crate) struct NetworkInfo {
    /// One per port, in the order in which they were attached.
    pub(crate) vifs: Vec<Vif>,
    /// Port by port, duplicates kept.
    pub(crate) security_groups: Vec<String>,
    /// MAC address and role tag of each port that has a tag.
    pub(crate) tags: Vec<(String, String)>,
}

/// Derives it.
pub(crate) fn of(connection: &Connection, instance: InstanceId) -> Tried<NetworkInfo> {
    let mut known = Known { connection, networks: HashMap::new(), subnets: HashMap::new() };
    let mut info = NetworkInfo { vifs: Vec::new(), security_groups: Vec::new(), tags: Vec::new() };
    for port in ports(connection, instance)? {
        info.vifs.push(vif(&mut known, &port)?);
        info.tags.extend(port.tag.map(|tag| (port.mac_address.to_string(), tag)));
        info.security_groups.extend(port.security_groups);
    }
    Ok(info)
}

/// What several ports of one instance may share.
struct Known<'c> {
    connection: &'c Connection,
    networks: HashMap<String, Network>,
    subnets: HashMap<SubnetId, (Subnet, Option<IpAddr>)>,
}

impl Known<'_> {
    fn network(&mut self, port: &Port) -> Tried<Network> {
        let key = port.network_id.to_string();
        if let Some(network) = self.networks.get(&key) {
            return Ok(network.clone());
        }
        let network = network::fetch(self.connection, port.network_id)?;
        self.networks.insert(key, network.clone());
        Ok(network)
    }

    /// A subnet, with the DHCP port's address in it.
    fn subnet(&mut self, id: SubnetId) -> Tried<(Subnet, Option<IpAddr>)> {
        if let Some(known) = self.subnets.get(&id) {
            return Ok(known.clone());
        }
        let subnet = subnet::fetch(self.connection, id)?;
        let server = self
            .connection
            .prepare_cached(
                "SELECT f.address FROM ports p JOIN fixed_ips f ON f.port_id = p.id
                 WHERE p.dhcp_network_id = ?1 AND f.subnet_id = ?2 ORDER BY f.position LIMIT 1",
            )?
            .query_row([Text(subnet.network_id.uuid()), Text(id.uuid())], |row| {
                row.get::<_, Address>(0)
            })
            .optional()?;
        let known = (subnet, server.map(|server| server.0));
        self.subnets.insert(id, known.clone());
        Ok(known)
    }
}

fn ports(connection: &Connection, instance: InstanceId) -> Tried<Vec<Port>> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM ports WHERE instance_id = ?1 ORDER BY attach_order")?;
    let rows = statement.query_map([Text(instance)], port::read)?;
    let mut ports: Vec<Port> = rows.collect::<Result<_, _>>()?;
    for port in &mut ports {
        port.fixed_ips = addresses::of_port(connection, port.id)?;
    }
    Ok(ports)
}

fn vif(known: &mut Known<'_>, port: &Port) -> Tried<Vif> {
    let network = known.network(port)?;
    let floating = floating_ips(known.connection, port.id)?;
    let mut subnets: Vec<(SubnetId, VifSubnet)> = Vec::new();
    for fixed in &port.fixed_ips {
        let ip = VifIp {
            address: fixed.ip_address,
            floating_ips: floating
                .iter()
                .filter(|(inside, _)| *inside == fixed.ip_address)
                .map(|(_, outside)| VifAddress { address: *outside })
                .collect(),
        };
        match subnets.iter_mut().find(|(id, _)| *id == fixed.subnet_id) {
            Some((_, subnet)) => subnet.ips.push(ip),
            None => {
                let (subnet, dhcp_server) = known.subnet(fixed.subnet_id)?;
                subnets.push((subnet.id, vif_subnet(subnet, dhcp_server, ip)));
            }
        }
    }
    Ok(Vif {
        id: port.id.to_string(),
        address: port.mac_address.to_string(),
        network: Some(VifNetwork {
            id: network.id.to_string(),
            label: Some(network.name),
            subnets: subnets.into_iter().map(|(_, subnet)| subnet).collect(),
            meta: VifNetworkMeta {
                mtu: network.mtu,
                injected: false,
                tenant_id: Some(network.project_id.to_string()),
            },
        }),
        vif_type: Some("bridge".to_owned()),
        devname: Some(Port::interface_name(port.id, "tap")),
        vnic_type: Some("normal".to_owned()),
    })
}

fn vif_subnet(subnet: Subnet, dhcp_server: Option<IpAddr>, first: VifIp) -> VifSubnet {
    let named = |address| VifAddress { address };
    VifSubnet {
        cidr: Some(subnet.cidr),
        dns: subnet.dns_nameservers.into_iter().map(named).collect(),
        gateway: subnet.gateway_ip.map(named),
        ips: vec![first],
        routes: subnet
            .host_routes
            .into_iter()
            .map(|route| VifRoute { cidr: route.destination, gateway: named(route.nexthop) })
            .collect(),
        meta: VifSubnetMeta {
            dhcp_server,
            enable_dhcp: Some(subnet.enable_dhcp),
            ipv6_address_mode: subnet.ipv6_address_mode.map(|mode| mode.as_str().to_owned()),
        },
    }
}

/// Fixed addresses of a port with the outside addresses that lead to them, oldest first.
fn floating_ips(connection: &Connection, port: PortId) -> Tried<Vec<(IpAddr, IpAddr)>> {
    let mut statement = connection.prepare_cached(
        "SELECT fixed_address, address FROM floating_ips WHERE port_id = ?1 ORDER BY seq",
    )?;
    let rows = statement.query_map([Text(port)], |row| {
        Ok((row.get::<_, Address>(0)?.0, row.get::<_, Address>(1)?.0))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
