//! Subnets.

use std::net::IpAddr;

use innkeeper_model::{
    Invalid, Ipv6Mode, NetworkId, NewSubnet, ProjectId, Subnet, SubnetChange, SubnetId,
};
use ipnet::IpNet;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::{Address, Json, Text, Word},
    dhcp_port, network,
    tried::{Tried, or_taken},
};

const KIND: &str = "subnet";
/// Autoconfiguration fills the last 64 bits of an address (RFC 4862 §5.5.3).
const SLAAC_PREFIX: u8 = 64;

impl Store {
    /// Makes a subnet; with DHCP, its network's DHCP port gets an address in it.
    pub async fn subnet_create(&self, draft: NewSubnet) -> Result<Subnet, StoreError> {
        draft.validate()?;
        check_autoconfiguration(&draft)?;
        self.write(move |change| create(change, &draft)).await
    }

    /// The subnets of one project, or of all, oldest first.
    pub async fn subnet_list(
        &self,
        project: Option<&ProjectId>,
    ) -> Result<Vec<Subnet>, StoreError> {
        let project = project.cloned().map(Text);
        self.read(move |connection| {
            let sql = "SELECT * FROM subnets WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([project], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One subnet.
    pub async fn subnet_fetch(&self, id: SubnetId) -> Result<Subnet, StoreError> {
        self.read(move |connection| fetch(connection, id)).await
    }

    /// Changes a subnet.
    pub async fn subnet_update(
        &self,
        id: SubnetId,
        wanted: SubnetChange,
    ) -> Result<Subnet, StoreError> {
        self.write(move |change| update(change, id, &wanted)).await
    }

    /// Deletes a subnet of which no port but the DHCP port has an address.
    pub async fn subnet_delete(&self, id: SubnetId) -> Result<(), StoreError> {
        self.write(move |change| delete(change, id)).await
    }
}

/// The subnet with that id.
pub(crate) fn fetch(connection: &Connection, id: SubnetId) -> Tried<Subnet> {
    let found = connection
        .prepare_cached("SELECT * FROM subnets WHERE id = ?1")?
        .query_row([Text(id)], read)
        .optional()?;
    found.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

/// A network's subnets, oldest first.
pub(crate) fn of_network(connection: &Connection, id: NetworkId) -> Tried<Vec<Subnet>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM subnets WHERE network_id = ?1 ORDER BY seq")?;
    let rows = statement.query_map([Text(id)], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether two ranges share an address: then one holds the other.
pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// A subnet's columns, by their bare names.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Subnet> {
    let mode = |column| {
        Ok::<Option<Ipv6Mode>, rusqlite::Error>(
            row.get::<_, Option<Word<_>>>(column)?.map(|mode| mode.0),
        )
    };
    Ok(Subnet {
        id: row.get::<_, Text<_>>("id")?.0,
        network_id: row.get::<_, Text<_>>("network_id")?.0,
        project_id: row.get::<_, Text<_>>("project_id")?.0,
        name: row.get("name")?,
        cidr: row.get::<_, Text<_>>("cidr")?.0,
        gateway_ip: row.get::<_, Option<Address>>("gateway")?.map(|gateway| gateway.0),
        dns_nameservers: row.get::<_, Json<_>>("dns_nameservers")?.0,
        host_routes: row.get::<_, Json<_>>("host_routes")?.0,
        enable_dhcp: row.get("enable_dhcp")?,
        ipv6_address_mode: mode("ipv6_address_mode")?,
        ipv6_ra_mode: mode("ipv6_ra_mode")?,
        created_at: row.get("created_at")?,
    })
}

fn check_autoconfiguration(draft: &NewSubnet) -> Result<(), Invalid> {
    let autoconfigured =
        matches!(draft.ipv6_address_mode, Some(Ipv6Mode::Slaac | Ipv6Mode::Dhcpv6Stateless));
    if autoconfigured && draft.cidr.prefix_len() != SLAAC_PREFIX {
        let reason = format!(
            "{} cannot be autoconfigured: give a /{SLAAC_PREFIX}, or use dhcpv6-stateful",
            draft.cidr
        );
        return Err(Invalid::new("cidr", reason));
    }
    Ok(())
}

fn create(change: &mut Change<'_>, draft: &NewSubnet) -> Tried<Subnet> {
    let network = network::referenced(change, "network_id", draft.network_id)?;
    for other in of_network(change, network.id)? {
        if overlap(&other.cidr, &draft.cidr) {
            let reason = format!(
                "{} overlaps {} of subnet {} ({}) on the same network: choose another range",
                draft.cidr, other.cidr, other.name, other.id
            );
            return Err(StoreError::conflict("cidr", reason).into());
        }
    }
    let subnet = Subnet {
        id: draft.id.unwrap_or_else(SubnetId::random),
        network_id: network.id,
        project_id: network.project_id.clone(),
        name: draft.name.clone(),
        cidr: draft.cidr,
        gateway_ip: draft.effective_gateway(),
        dns_nameservers: draft.dns_nameservers.clone(),
        host_routes: draft.host_routes.clone(),
        enable_dhcp: draft.enable_dhcp,
        ipv6_address_mode: draft.ipv6_address_mode,
        ipv6_ra_mode: draft.ipv6_ra_mode,
        created_at: clock::now(),
    };
    insert(change, &subnet)?;
    change.touch_topology();
    if subnet.enable_dhcp {
        dhcp_port::serve(change, &network, &subnet)?;
    }
    Ok(subnet)
}

fn insert(change: &Change<'_>, subnet: &Subnet) -> Tried<()> {
    let inserted = change.execute(
        "INSERT INTO subnets (id, network_id, project_id, name, cidr, gateway, dns_nameservers,
                              host_routes, enable_dhcp, ipv6_address_mode, ipv6_ra_mode, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            Text(subnet.id),
            Text(subnet.network_id),
            Text(&subnet.project_id),
            subnet.name,
            Text(subnet.cidr),
            subnet.gateway_ip.map(Address),
            Json(&subnet.dns_nameservers),
            Json(&subnet.host_routes),
            subnet.enable_dhcp,
            subnet.ipv6_address_mode.map(Word),
            subnet.ipv6_ra_mode.map(Word),
            subnet.created_at,
        ],
    );
    or_taken(inserted, KIND, subnet.id, &subnet.name)
}

fn update(change: &mut Change<'_>, id: SubnetId, wanted: &SubnetChange) -> Tried<Subnet> {
    let before = fetch(change, id)?;
    wanted.validate(&before.cidr)?;
    let mut subnet = before.clone();
    if let Some(name) = &wanted.name {
        subnet.name.clone_from(name);
    }
    if let Some(servers) = &wanted.dns_nameservers {
        subnet.dns_nameservers.clone_from(servers);
    }
    if let Some(routes) = &wanted.host_routes {
        subnet.host_routes.clone_from(routes);
    }
    subnet.enable_dhcp = wanted.enable_dhcp.unwrap_or(subnet.enable_dhcp);
    if subnet == before {
        return Ok(before);
    }
    let updated = change.execute(
        "UPDATE subnets SET name = ?2, dns_nameservers = ?3, host_routes = ?4, enable_dhcp = ?5
         WHERE id = ?1",
        params![
            Text(id),
            subnet.name,
            Json(&subnet.dns_nameservers),
            Json(&subnet.host_routes),
            subnet.enable_dhcp,
        ],
    );
    or_taken(updated, KIND, id, &subnet.name)?;
    if subnet.enable_dhcp != before.enable_dhcp {
        if subnet.enable_dhcp {
            let network = network::fetch(change, subnet.network_id)?;
            dhcp_port::serve(change, &network, &subnet)?;
        } else {
            dhcp_port::withdraw(change, &subnet)?;
        }
    }
    // A subnet's name is not in any document, and no host's to know.
    if (Subnet { name: before.name.clone(), ..subnet.clone() }) != before {
        change.touch_subnet(id)?;
        change.touch_topology();
    }
    Ok(subnet)
}

fn delete(change: &mut Change<'_>, id: SubnetId) -> Tried<()> {
    let subnet = fetch(change, id)?;
    let router: Option<String> = change
        .prepare_cached("SELECT router_id FROM router_subnets WHERE subnet_id = ?1")?
        .query_row([Text(id)], |row| row.get(0))
        .optional()?;
    if let Some(router) = router {
        return Err(StoreError::in_use(KIND, &id, format!("router {router}")).into());
    }
    let user: Option<(Address, String)> = change
        .prepare_cached(
            "SELECT f.address, p.id FROM fixed_ips f JOIN ports p ON p.id = f.port_id
             WHERE f.subnet_id = ?1 AND p.dhcp_network_id IS NULL ORDER BY f.address LIMIT 1",
        )?
        .query_row([Text(id)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((Address(address), port)) = user {
        return Err(in_use_by(id, address, &port).into());
    }
    if subnet.enable_dhcp {
        dhcp_port::withdraw(change, &subnet)?;
    }
    change.execute("DELETE FROM subnets WHERE id = ?1", [Text(id)])?;
    change.touch_topology();
    Ok(())
}

fn in_use_by(id: SubnetId, address: IpAddr, port: &str) -> StoreError {
    StoreError::in_use(KIND, &id, format!("port {port} with {address}"))
}
