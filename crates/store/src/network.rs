//! Networks.

use innkeeper_model::{Invalid, Network, NetworkChange, NetworkId, NewNetwork, ProjectId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::Text,
    dhcp_port, port, project,
    tried::{Tried, or_taken},
};

const KIND: &str = "network";

impl Store {
    /// Makes a network.
    pub async fn network_create(&self, draft: NewNetwork) -> Result<Network, StoreError> {
        draft.validate()?;
        self.write(move |change| create(change, &draft)).await
    }

    /// The networks of one project, or of all, oldest first.
    pub async fn network_list(
        &self,
        project: Option<&ProjectId>,
    ) -> Result<Vec<Network>, StoreError> {
        let project = project.cloned().map(Text);
        self.read(move |connection| {
            let sql = "SELECT * FROM networks WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([project], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One network.
    pub async fn network_fetch(&self, id: NetworkId) -> Result<Network, StoreError> {
        self.read(move |connection| fetch(connection, id)).await
    }

    /// Changes a network.
    pub async fn network_update(
        &self,
        id: NetworkId,
        wanted: NetworkChange,
    ) -> Result<Network, StoreError> {
        wanted.validate()?;
        self.write(move |change| update(change, id, &wanted)).await
    }

    /// Deletes a network with its subnets and its DHCP port, if it has no other port.
    pub async fn network_delete(&self, id: NetworkId) -> Result<(), StoreError> {
        self.write(move |change| delete(change, id)).await
    }
}

/// The network with that id.
pub(crate) fn fetch(connection: &Connection, id: NetworkId) -> Tried<Network> {
    find(connection, id)?.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

/// The network that `field` of a draft names.
pub(crate) fn referenced(connection: &Connection, field: &str, id: NetworkId) -> Tried<Network> {
    find(connection, id)?.ok_or_else(|| {
        Invalid::new(field, format!("there is no network {id}: make it first")).into()
    })
}

/// The same, and it must be the same project's.
pub(crate) fn referenced_by(
    connection: &Connection,
    field: &str,
    id: NetworkId,
    project: &ProjectId,
) -> Tried<Network> {
    let network = referenced(connection, field, id)?;
    if network.project_id != *project {
        let reason =
            format!("network {id} belongs to project {}, not to {project}", network.project_id);
        return Err(Invalid::new(field, reason).into());
    }
    Ok(network)
}

/// A network's columns, by their bare names.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Network> {
    Ok(Network {
        id: row.get::<_, Text<_>>("id")?.0,
        project_id: row.get::<_, Text<_>>("project_id")?.0,
        name: row.get("name")?,
        mtu: row.get("mtu")?,
        bridge: row.get("bridge")?,
        force_metadata: row.get("force_metadata")?,
        isolated_metadata: row.get("isolated_metadata")?,
        created_at: row.get("created_at")?,
    })
}

fn create(change: &mut Change<'_>, draft: &NewNetwork) -> Tried<Network> {
    project::must_exist(change, &draft.project_id)?;
    let network = Network {
        id: draft.id.unwrap_or_else(NetworkId::random),
        project_id: draft.project_id.clone(),
        name: draft.name.clone(),
        mtu: draft.mtu,
        bridge: draft.bridge.clone(),
        force_metadata: draft.force_metadata,
        isolated_metadata: draft.isolated_metadata,
        created_at: clock::now(),
    };
    let inserted = change.execute(
        "INSERT INTO networks (id, project_id, name, mtu, bridge, force_metadata,
                               isolated_metadata, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            Text(network.id),
            Text(&network.project_id),
            network.name,
            network.mtu,
            network.bridge,
            network.force_metadata,
            network.isolated_metadata,
            network.created_at,
        ],
    );
    or_taken(inserted, KIND, network.id, &network.name)?;
    change.touch_topology();
    Ok(network)
}

fn update(change: &mut Change<'_>, id: NetworkId, wanted: &NetworkChange) -> Tried<Network> {
    let before = fetch(change, id)?;
    let mut network = before.clone();
    if let Some(name) = &wanted.name {
        network.name.clone_from(name);
    }
    network.mtu = wanted.mtu.or(network.mtu);
    network.force_metadata = wanted.force_metadata.unwrap_or(network.force_metadata);
    network.isolated_metadata = wanted.isolated_metadata.unwrap_or(network.isolated_metadata);
    if network == before {
        return Ok(before);
    }
    let updated = change.execute(
        "UPDATE networks SET name = ?2, mtu = ?3, force_metadata = ?4, isolated_metadata = ?5
         WHERE id = ?1",
        params![
            Text(id),
            network.name,
            network.mtu,
            network.force_metadata,
            network.isolated_metadata,
        ],
    );
    or_taken(updated, KIND, id, &network.name)?;
    if (&network.name, network.mtu) != (&before.name, before.mtu) {
        change.touch_network(id)?;
    }
    let hosted =
        |network: &Network| (network.mtu, network.force_metadata, network.isolated_metadata);
    if hosted(&network) != hosted(&before) {
        change.touch_topology();
    }
    Ok(network)
}

fn delete(change: &mut Change<'_>, id: NetworkId) -> Tried<()> {
    fetch(change, id)?;
    let user: Option<String> = change
        .prepare_cached(
            "SELECT id FROM ports WHERE network_id = ?1 AND dhcp_network_id IS NULL
             ORDER BY seq LIMIT 1",
        )?
        .query_row([Text(id)], |row| row.get(0))
        .optional()?;
    if let Some(user) = user {
        return Err(StoreError::in_use(KIND, &id, format!("port {user}")).into());
    }
    if let Some(dhcp) = dhcp_port::find(change, id)? {
        port::remove(change, dhcp)?;
    }
    change.execute("DELETE FROM subnets WHERE network_id = ?1", [Text(id)])?;
    change.execute("DELETE FROM networks WHERE id = ?1", [Text(id)])?;
    change.touch_topology();
    Ok(())
}

fn find(connection: &Connection, id: NetworkId) -> Tried<Option<Network>> {
    let found = connection
        .prepare_cached("SELECT * FROM networks WHERE id = ?1")?
        .query_row([Text(id)], read)
        .optional()?;
    Ok(found)
}
