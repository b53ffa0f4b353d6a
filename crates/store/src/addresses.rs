//! Which addresses a port gets, and keeping each to one port of its network.

use std::net::{IpAddr, Ipv6Addr};

use innkeeper_model::{
    FixedIp, FixedIpRequest, Invalid, Ipv6Mode, MacAddress, NetworkId, PortId, Subnet, SubnetId,
};
use ipnet::IpNet;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    StoreError,
    change::Change,
    column::{Address, Text},
    subnet,
    tried::{Fault, Tried, duplicate_column},
};

/// The field of ports and instances that names addresses.
const FIELD: &str = "fixed_ips";

/// The port that addresses are for.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) network: NetworkId,
    pub(crate) port: PortId,
    pub(crate) mac: MacAddress,
}

/// Gives a port, which has no address now, what was asked for. Without a request it gets one of
/// its network's first IPv4 subnet and one of the first IPv6 subnet.
///
/// `kept` are the addresses that the port had: a request for any address of a subnet takes one of
/// them before a new one.
pub(crate) fn assign(
    change: &Change<'_>,
    place: Place,
    requests: Option<&[FixedIpRequest]>,
    kept: &[FixedIp],
) -> Tried<()> {
    let subnets = subnet::of_network(change, place.network)?;
    let requests = requests.map_or_else(|| first_of_each_family(&subnets), <[_]>::to_vec);
    let mut kept = kept.to_vec();
    let mut open = Vec::new();
    // Addresses that were named come first, so that none of them is given to "any address".
    for (position, request) in requests.iter().enumerate() {
        let subnet = requested_subnet(&subnets, request)?;
        let Some(address) = request.ip_address.map(|address| address.to_canonical()) else {
            open.push((position, subnet));
            continue;
        };
        check_named(subnet, address, place.mac)?;
        insert(change, place, subnet, address, position)?;
        kept.retain(|fixed| fixed.ip_address != address);
    }
    for (position, subnet) in open {
        let old = kept.iter().position(|fixed| fixed.subnet_id == subnet.id);
        match old.map(|index| kept.remove(index)) {
            Some(fixed) => insert(change, place, subnet, fixed.ip_address, position)?,
            None => add_lowest(change, place, subnet, position)?,
        }
    }
    Ok(())
}

/// Gives a port the lowest free address of `subnet`, or the one that autoconfiguration makes.
pub(crate) fn add_lowest(
    change: &Change<'_>,
    place: Place,
    subnet: &Subnet,
    position: usize,
) -> Tried<()> {
    let address = match autoconfigured(subnet, place.mac) {
        Some(address) => address,
        None => lowest_free(change, subnet)?,
    };
    insert(change, place, subnet, address, position)
}

/// Records an address as the port's; the primary key refuses one that is taken.
pub(crate) fn insert(
    change: &Change<'_>,
    place: Place,
    subnet: &Subnet,
    address: IpAddr,
    position: usize,
) -> Tried<()> {
    let position = i64::try_from(position).expect("a handful of addresses per port");
    let inserted = change
        .prepare_cached(
            "INSERT INTO fixed_ips (network_id, address, subnet_id, port_id, position)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            Text(place.network),
            Address(address),
            Text(subnet.id),
            Text(place.port),
            position
        ]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if duplicate_column(&error).is_some() => {
            Err(taken(change, place.network, address)?.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// What a subnet that autoconfigures makes of a MAC address (EUI-64, RFC 4291 appendix A).
fn autoconfigured(subnet: &Subnet, mac: MacAddress) -> Option<IpAddr> {
    let IpNet::V6(range) = subnet.cidr else { return None };
    let mode = subnet.ipv6_address_mode?;
    if mode == Ipv6Mode::Dhcpv6Stateful {
        return None;
    }
    let interface = mac.link_local().to_bits() & u128::from(u64::MAX);
    Some(Ipv6Addr::from_bits(range.network().to_bits() | interface).into())
}

fn first_of_each_family(subnets: &[Subnet]) -> Vec<FixedIpRequest> {
    let first = |ipv4: bool| subnets.iter().find(|subnet| subnet.cidr.addr().is_ipv4() == ipv4);
    [first(true), first(false)]
        .into_iter()
        .flatten()
        .map(|subnet| FixedIpRequest { subnet_id: Some(subnet.id), ip_address: None })
        .collect()
}

fn requested_subnet<'s>(
    subnets: &'s [Subnet],
    request: &FixedIpRequest,
) -> Result<&'s Subnet, Invalid> {
    let found = match (request.subnet_id, request.ip_address) {
        (Some(id), _) => subnets.iter().find(|subnet| subnet.id == id),
        (None, Some(address)) => {
            let address = address.to_canonical();
            subnets.iter().find(|subnet| subnet.cidr.contains(&address))
        }
        (None, None) => subnets.first(),
    };
    found.ok_or_else(|| {
        let reason = match (request.subnet_id, request.ip_address) {
            (Some(id), _) => format!("the port's network has no subnet {id}"),
            (None, Some(address)) => format!("the port's network has no subnet with {address}"),
            (None, None) => "the port's network has no subnet: make one first".to_owned(),
        };
        Invalid::new(FIELD, reason)
    })
}

/// What an operator may not give to a machine by name.
fn check_named(subnet: &Subnet, address: IpAddr, mac: MacAddress) -> Result<(), Invalid> {
    let refuse = |reason: String| Err(Invalid::new(FIELD, reason));
    let (cidr, name) = (subnet.cidr, &subnet.name);
    if !cidr.contains(&address) {
        return refuse(format!("{address} is not in {cidr} of subnet {name}"));
    }
    if address == cidr.network() {
        return refuse(format!("{address} is the network address of {cidr}: choose another"));
    }
    if address.is_ipv4() && address == cidr.broadcast() {
        return refuse(format!("{address} is the broadcast address of {cidr}: choose another"));
    }
    if subnet.gateway_ip == Some(address) {
        return refuse(format!("{address} is the gateway of subnet {name}: choose another"));
    }
    match autoconfigured(subnet, mac) {
        Some(made) if made != address => refuse(format!(
            "subnet {name} is autoconfigured, so {mac} has {made} there: leave the address out"
        )),
        _ => Ok(()),
    }
}

/// Walks the subnet's addresses in order, in one query, to the first gap.
fn lowest_free(connection: &Connection, subnet: &Subnet) -> Tried<IpAddr> {
    let number = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let gateway = subnet.gateway_ip.map(number);
    let last = match subnet.cidr {
        IpNet::V4(range) => u128::from(range.broadcast().to_bits()) - 1,
        IpNet::V6(range) => range.broadcast().to_bits(),
    };
    let mut candidate = number(subnet.cidr.network()) + 1;
    let mut statement = connection
        .prepare_cached("SELECT address FROM fixed_ips WHERE subnet_id = ?1 ORDER BY address")?;
    let mut rows = statement.query([Text(subnet.id)])?;
    while let Some(row) = rows.next()? {
        let taken = number(row.get::<_, Address>(0)?.0);
        if gateway == Some(candidate) {
            candidate += 1;
        }
        if taken > candidate {
            break;
        }
        if taken == candidate {
            candidate += 1;
        }
    }
    if gateway == Some(candidate) {
        candidate += 1;
    }
    if candidate > last {
        return Err(exhausted(subnet).into());
    }
    Ok(match u32::try_from(candidate) {
        Ok(bits) if subnet.cidr.addr().is_ipv4() => std::net::Ipv4Addr::from_bits(bits).into(),
        _ => Ipv6Addr::from_bits(candidate).into(),
    })
}

fn exhausted(subnet: &Subnet) -> StoreError {
    let reason = format!(
        "subnet {} ({}) has no free address left in {}: delete unused ports, or add a subnet and \
         ask for an address of that",
        subnet.name, subnet.id, subnet.cidr
    );
    StoreError::conflict(FIELD, reason)
}

fn taken(
    connection: &Connection,
    network: NetworkId,
    address: IpAddr,
) -> Result<StoreError, Fault> {
    let holder: Option<String> = connection
        .prepare_cached("SELECT port_id FROM fixed_ips WHERE network_id = ?1 AND address = ?2")?
        .query_row(params![Text(network), Address(address)], |row| row.get(0))
        .optional()?;
    let holder = holder.unwrap_or_else(|| "another".to_owned());
    let reason = format!("{address} is taken by port {holder} of the same network: choose another");
    Ok(StoreError::conflict(FIELD, reason))
}

/// Takes all of a port's addresses away.
pub(crate) fn release(change: &Change<'_>, port: PortId) -> Tried<()> {
    change.prepare_cached("DELETE FROM fixed_ips WHERE port_id = ?1")?.execute([Text(port)])?;
    Ok(())
}

/// The ids of subnets and addresses of a port, in order.
pub(crate) fn of_port(connection: &Connection, port: PortId) -> Tried<Vec<FixedIp>> {
    let mut statement = connection.prepare_cached(
        "SELECT subnet_id, address FROM fixed_ips WHERE port_id = ?1 ORDER BY position",
    )?;
    let rows = statement.query_map([Text(port)], |row| {
        let subnet_id: Text<SubnetId> = row.get(0)?;
        let address: Address = row.get(1)?;
        Ok(FixedIp { subnet_id: subnet_id.0, ip_address: address.0 })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
