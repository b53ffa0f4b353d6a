//! Whose interfaces a host has: ports by what their interfaces are named after.

use innkeeper_model::{Invalid, PluggedPort, PortId, limits};
use rusqlite::Connection;

use crate::{
    Store, StoreError,
    column::{Address, Json, Text},
    tried::Tried,
};

const FIELD: &str = "prefixes";
/// `g` comes after all that an id is made of, so that the range is walked in the index of the ids;
/// the `+` keeps SQLite from those of routers and DHCP servers, in which nearly every port is null.
const QUERY: &str = "SELECT p.id, p.network_id, p.mac, f.address
     FROM json_each(?1) AS wanted
     CROSS JOIN ports p ON p.id >= wanted.value AND p.id < wanted.value || 'g'
     LEFT JOIN fixed_ips f ON f.port_id = p.id
     WHERE +p.router_id IS NULL AND +p.dhcp_network_id IS NULL
     ORDER BY wanted.key, p.id, f.position";

impl Store {
    /// The ports whose ids begin with one of `prefixes`, the first
    /// [`PORT_PREFIX_CHARS`](limits::PORT_PREFIX_CHARS) characters of an id each, as in `tap…`;
    /// routers' and DHCP servers' are left out. At most
    /// [`PORT_PREFIXES_MAX`](limits::PORT_PREFIXES_MAX) prefixes at once.
    pub async fn plugged_ports(
        &self,
        mut prefixes: Vec<String>,
    ) -> Result<Vec<PluggedPort>, StoreError> {
        check(&prefixes)?;
        prefixes.sort_unstable();
        prefixes.dedup();
        self.read(move |connection| find(connection, &prefixes)).await
    }
}

fn check(prefixes: &[String]) -> Result<(), Invalid> {
    if prefixes.len() > limits::PORT_PREFIXES_MAX {
        let reason = format!(
            "{} prefixes; at most {} are allowed: ask for some after others",
            prefixes.len(),
            limits::PORT_PREFIXES_MAX
        );
        return Err(Invalid::new(FIELD, reason));
    }
    let allowed = |c: char| c.is_ascii_hexdigit() || c == '-';
    let is_prefix =
        |text: &str| text.len() == limits::PORT_PREFIX_CHARS && text.chars().all(allowed);
    match prefixes.iter().find(|prefix| !is_prefix(prefix)) {
        Some(bad) => {
            let reason = format!(
                "\"{}\" is not the first {} characters of a port's id: hex digits and '-'",
                bad.escape_debug(),
                limits::PORT_PREFIX_CHARS
            );
            Err(Invalid::new(FIELD, reason))
        }
        None => Ok(()),
    }
}

fn find(connection: &Connection, prefixes: &[String]) -> Tried<Vec<PluggedPort>> {
    let mut statement = connection.prepare_cached(QUERY)?;
    let mut ports: Vec<PluggedPort> = Vec::new();
    let mut rows = statement.query([Json(prefixes)])?;
    while let Some(row) = rows.next()? {
        let id: Text<PortId> = row.get(0)?;
        let address: Option<Address> = row.get(3)?;
        match ports.last_mut() {
            Some(port) if port.id == id.0 => port.addresses.extend(address.map(|one| one.0)),
            _ => ports.push(PluggedPort {
                id: id.0,
                network_id: row.get::<_, Text<_>>(1)?.0,
                mac_address: row.get::<_, Text<_>>(2)?.0,
                addresses: address.map(|one| one.0).into_iter().collect(),
            }),
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration;

    #[test]
    fn the_index_of_the_ids_is_searched_and_nothing_scanned() {
        let mut connection = Connection::open_in_memory().expect("memory");
        migration::migrate(&mut connection).expect("a schema");
        let mut statement =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {QUERY}")).expect("sql");
        let rows = statement.query_map(["[]"], |row| row.get::<_, String>("detail")).expect("rows");
        let plan: Vec<String> = rows.map(|step| step.expect("a step")).collect();
        let searched = "SEARCH p USING INDEX sqlite_autoindex_ports_1 (id>? AND id<?)";
        assert!(plan.iter().any(|step| step == searched), "{plan:?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN p")), "{plan:?}");
    }
}
