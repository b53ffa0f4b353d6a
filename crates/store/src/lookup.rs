//! Who asks: from where a request was caught and its source address to the machine.

use std::net::IpAddr;

use innkeeper_model::{
    InstanceId, LookupRefusal, MacAddress, Origin, OriginScope, PortId, PortOwner, ProjectId,
};
use rusqlite::{Connection, Params, Row, params};

use crate::{
    Store, StoreError,
    column::{Address, Text},
    tried::Tried,
};

impl Store {
    /// The machine behind an origin, or why there is none.
    ///
    /// A router's scope is the subnets attached to it; nothing outside the scope is ever looked at,
    /// and a scope that does not exist or is empty finds nobody.
    ///
    /// Who was found before is found without reading if nothing was committed since. Who was not
    /// found is looked for each time: anybody can invent addresses.
    pub async fn port_owner(
        &self,
        origin: &Origin,
    ) -> Result<Result<PortOwner, LookupRefusal>, StoreError> {
        if let Some(owner) = self.kept_owner(origin) {
            return Ok(Ok(owner));
        }
        // Before anything is read: what is read then is as of now or later.
        let now = self.kept().now();
        let asked = origin.clone();
        let found = self.read(move |connection| look_up(connection, &asked)).await?;
        if let (Ok(owner), Some(now)) = (&found, now) {
            self.kept().keep_owner(origin, owner, now);
        }
        Ok(found)
    }

    /// The machine behind an origin, if that is known without reading: see [`Store::port_owner`].
    pub fn kept_owner(&self, origin: &Origin) -> Option<PortOwner> {
        self.kept().owner(origin, self.kept().now())
    }

    /// The machine that has an address, on whatever network; ports without a machine do not count.
    /// For a network in which no address is used twice.
    pub async fn address_owner(
        &self,
        address: IpAddr,
    ) -> Result<Result<PortOwner, LookupRefusal>, StoreError> {
        let address = address.to_canonical();
        self.read(move |connection| {
            let found = query(
                connection,
                "SELECT p.id, p.instance_id, p.project_id
                 FROM fixed_ips f JOIN ports p ON p.id = f.port_id
                 WHERE f.address = ?1 AND p.instance_id NOT NULL
                 UNION
                 SELECT a.port_id, a.instance_id, i.project_id
                 FROM imported_addresses a JOIN instances i ON i.id = a.instance_id
                 WHERE a.address = ?1 LIMIT 2",
                params![Address(address)],
            )?;
            Ok(single(found))
        })
        .await
    }
}

/// A port, its machine, and whose it is.
pub(crate) type Found = (PortId, Option<InstanceId>, ProjectId);

fn look_up(connection: &Connection, origin: &Origin) -> Tried<Result<PortOwner, LookupRefusal>> {
    if !scope_exists(connection, origin.scope)? {
        return Ok(Err(LookupRefusal::UnknownScope));
    }
    let found = match origin.address.to_canonical() {
        // Every network has the same link-local range: the interface is known by its MAC address.
        IpAddr::V6(v6) if v6.is_unicast_link_local() => match MacAddress::from_link_local(v6) {
            Some(mac) => by_mac(connection, origin.scope, mac)?,
            None => Vec::new(),
        },
        address => by_address(connection, origin.scope, address)?,
    };
    Ok(single(found))
}

/// The only port, if it has a machine.
pub(crate) fn single(found: Vec<Found>) -> Result<PortOwner, LookupRefusal> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(LookupRefusal::NoPort),
        (Some(_), Some(_)) => Err(LookupRefusal::SeveralPorts),
        (Some((_, None, _)), None) => Err(LookupRefusal::NoInstance),
        (Some((port, Some(instance), project)), None) => Ok(PortOwner { port, instance, project }),
    }
}

fn scope_exists(connection: &Connection, scope: OriginScope) -> Tried<bool> {
    let (sql, id) = match scope {
        OriginScope::Network(id) | OriginScope::OvnNetwork(id) => (
            "SELECT 1 FROM networks WHERE id = ?1
                 UNION ALL SELECT 1 FROM imported_addresses WHERE network_id = ?1 LIMIT 1",
            id.uuid(),
        ),
        OriginScope::Router(id) => {
            ("SELECT 1 FROM router_subnets WHERE router_id = ?1 LIMIT 1", id.uuid())
        }
    };
    Ok(connection.prepare_cached(sql)?.exists([Text(id.hyphenated())])?)
}

fn by_address(connection: &Connection, scope: OriginScope, address: IpAddr) -> Tried<Vec<Found>> {
    match scope {
        OriginScope::Network(id) | OriginScope::OvnNetwork(id) => query(
            connection,
            "SELECT p.id, p.instance_id, p.project_id
             FROM fixed_ips f JOIN ports p ON p.id = f.port_id
             WHERE f.network_id = ?1 AND f.address = ?2
             UNION
             SELECT a.port_id, a.instance_id, i.project_id
             FROM imported_addresses a JOIN instances i ON i.id = a.instance_id
             WHERE a.network_id = ?1 AND a.address = ?2 LIMIT 2",
            params![Text(id), Address(address)],
        ),
        // By subnet, not by network: another subnet of an attached network may have a range that
        // one of the router's own subnets has too, and its machines cannot reach this router.
        OriginScope::Router(id) => query(
            connection,
            "SELECT p.id, p.instance_id, p.project_id
             FROM router_subnets r
             JOIN fixed_ips f ON f.subnet_id = r.subnet_id AND f.address = ?2
             JOIN ports p ON p.id = f.port_id
             WHERE r.router_id = ?1 LIMIT 2",
            params![Text(id), Address(address)],
        ),
    }
}

fn by_mac(connection: &Connection, scope: OriginScope, mac: MacAddress) -> Tried<Vec<Found>> {
    match scope {
        OriginScope::Network(id) | OriginScope::OvnNetwork(id) => query(
            connection,
            "SELECT id, instance_id, project_id FROM ports
             WHERE network_id = ?1 AND mac = ?2
             UNION
             SELECT a.port_id, a.instance_id, i.project_id
             FROM imported_addresses a JOIN instances i ON i.id = a.instance_id
             WHERE a.network_id = ?1 AND a.mac = ?2 LIMIT 2",
            params![Text(id), Text(mac)],
        ),
        OriginScope::Router(id) => query(
            connection,
            "SELECT id, instance_id, project_id FROM ports
             WHERE mac = ?2 AND network_id IN (
                 SELECT s.network_id FROM router_subnets r JOIN subnets s ON s.id = r.subnet_id
                 WHERE r.router_id = ?1)
             LIMIT 2",
            params![Text(id), Text(mac)],
        ),
    }
}

/// Runs a query whose rows are [`Found`].
pub(crate) fn query(connection: &Connection, sql: &str, key: impl Params) -> Tried<Vec<Found>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(key, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    let port: Text<PortId> = row.get(0)?;
    let instance: Option<Text<InstanceId>> = row.get(1)?;
    let project: Text<ProjectId> = row.get(2)?;
    Ok((port.0, instance.map(|id| id.0), project.0))
}
