//! Floating IPs: outside addresses, and the fixed addresses they lead to.

use std::net::{IpAddr, Ipv4Addr};

use innkeeper_model::{
    FloatingIp, FloatingIpChange, FloatingIpId, Invalid, NewFloatingIp, PortId, ProjectId,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::{Address, Text},
    port, project,
    tried::{Tried, duplicate_column},
};

const KIND: &str = "floating IP";

impl Store {
    /// Makes a floating IP known, and leads it to a port if the draft says so.
    pub async fn floating_ip_create(&self, draft: NewFloatingIp) -> Result<FloatingIp, StoreError> {
        draft.validate()?;
        self.write(move |change| create(change, &draft)).await
    }

    /// The floating IPs of one project, or of all, oldest first.
    pub async fn floating_ip_list(
        &self,
        project: Option<&ProjectId>,
    ) -> Result<Vec<FloatingIp>, StoreError> {
        let project = project.cloned().map(Text);
        self.read(move |connection| {
            let sql = "SELECT * FROM floating_ips WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([project], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One floating IP.
    pub async fn floating_ip_fetch(&self, id: FloatingIpId) -> Result<FloatingIp, StoreError> {
        self.read(move |connection| fetch(connection, id)).await
    }

    /// Leads a floating IP to another port, or nowhere.
    pub async fn floating_ip_update(
        &self,
        id: FloatingIpId,
        wanted: FloatingIpChange,
    ) -> Result<FloatingIp, StoreError> {
        self.write(move |change| update(change, id, &wanted)).await
    }

    /// Deletes a floating IP.
    pub async fn floating_ip_delete(&self, id: FloatingIpId) -> Result<(), StoreError> {
        self.write(move |change| {
            let floating = fetch(change, id)?;
            if let Some(port) = floating.port_id {
                change.touch_port(port)?;
            }
            change.execute("DELETE FROM floating_ips WHERE id = ?1", [Text(id)])?;
            Ok(())
        })
        .await
    }
}

/// Leads all floating IPs of a port nowhere.
pub(crate) fn lead_nowhere(change: &Change<'_>, port: PortId) -> Tried<()> {
    change
        .prepare_cached(
            "UPDATE floating_ips SET port_id = NULL, fixed_address = NULL WHERE port_id = ?1",
        )?
        .execute([Text(port)])?;
    Ok(())
}

/// Leads those floating IPs of a port nowhere whose fixed address the port no longer has.
pub(crate) fn keep_only_present(change: &Change<'_>, port: PortId) -> Tried<()> {
    change
        .prepare_cached(
            "UPDATE floating_ips SET port_id = NULL, fixed_address = NULL
             WHERE port_id = ?1
             AND fixed_address NOT IN (SELECT address FROM fixed_ips WHERE port_id = ?1)",
        )?
        .execute([Text(port)])?;
    Ok(())
}

fn create(change: &mut Change<'_>, draft: &NewFloatingIp) -> Tried<FloatingIp> {
    project::must_exist(change, &draft.project_id)?;
    let fixed = draft
        .port_id
        .map(|port| destination(change, &draft.project_id, port, draft.fixed_ip_address))
        .transpose()?;
    let floating = FloatingIp {
        id: FloatingIpId::random(),
        project_id: draft.project_id.clone(),
        floating_ip_address: draft.floating_ip_address,
        port_id: draft.port_id,
        fixed_ip_address: fixed,
        created_at: clock::now(),
    };
    let inserted = change.execute(
        "INSERT INTO floating_ips (id, project_id, address, port_id, fixed_address, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            Text(floating.id),
            Text(&floating.project_id),
            Address(floating.floating_ip_address.into()),
            floating.port_id.map(Text),
            fixed.map(|fixed| Address(fixed.into())),
            floating.created_at,
        ],
    );
    match inserted {
        Ok(_) => {}
        Err(error) if duplicate_column(&error) == Some("address") => {
            let reason = format!("{} is known already: use that one", draft.floating_ip_address);
            return Err(StoreError::conflict("floating_ip_address", reason).into());
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(port) = floating.port_id {
        change.touch_port(port)?;
    }
    Ok(floating)
}

fn update(
    change: &mut Change<'_>,
    id: FloatingIpId,
    wanted: &FloatingIpChange,
) -> Tried<FloatingIp> {
    let before = fetch(change, id)?;
    if wanted.port_id.is_none() && wanted.fixed_ip_address.is_some() {
        let reason = "needs port_id: the port it belongs to";
        return Err(Invalid::new("fixed_ip_address", reason).into());
    }
    let fixed = wanted
        .port_id
        .map(|port| destination(change, &before.project_id, port, wanted.fixed_ip_address))
        .transpose()?;
    let after = FloatingIp { port_id: wanted.port_id, fixed_ip_address: fixed, ..before.clone() };
    if after == before {
        return Ok(before);
    }
    change.execute(
        "UPDATE floating_ips SET port_id = ?2, fixed_address = ?3 WHERE id = ?1",
        params![Text(id), after.port_id.map(Text), fixed.map(|fixed| Address(fixed.into()))],
    )?;
    for port in [before.port_id, after.port_id].into_iter().flatten() {
        change.touch_port(port)?;
    }
    Ok(after)
}

/// The address of `port` to lead to: the one that was named, or its first IPv4 address.
fn destination(
    connection: &Connection,
    project: &ProjectId,
    port: PortId,
    named: Option<Ipv4Addr>,
) -> Tried<Ipv4Addr> {
    let Some(port) = port::find(connection, port)? else {
        return Err(Invalid::new("port_id", format!("there is no port {port}")).into());
    };
    if port.project_id != *project {
        let reason =
            format!("port {} belongs to project {}, not to {project}", port.id, port.project_id);
        return Err(Invalid::new("port_id", reason).into());
    }
    let mut addresses = port.fixed_ips.iter().filter_map(|fixed| match fixed.ip_address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    });
    let found = match named {
        Some(named) => addresses.find(|address| *address == named),
        None => addresses.next(),
    };
    found.ok_or_else(|| {
        let invalid = match named {
            Some(named) => {
                let reason = format!("port {} does not have {named}", port.id);
                Invalid::new("fixed_ip_address", reason)
            }
            None => Invalid::new("port_id", format!("port {} has no IPv4 address", port.id)),
        };
        invalid.into()
    })
}

fn fetch(connection: &Connection, id: FloatingIpId) -> Tried<FloatingIp> {
    let found = connection
        .prepare_cached("SELECT * FROM floating_ips WHERE id = ?1")?
        .query_row([Text(id)], read)
        .optional()?;
    found.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

fn read(row: &Row<'_>) -> rusqlite::Result<FloatingIp> {
    let v4 = |column, address| match address {
        IpAddr::V4(v4) => Ok(v4),
        IpAddr::V6(_) => Err(rusqlite::Error::InvalidColumnType(
            0,
            String::from(column),
            rusqlite::types::Type::Blob,
        )),
    };
    let fixed: Option<Address> = row.get("fixed_address")?;
    Ok(FloatingIp {
        id: row.get::<_, Text<_>>("id")?.0,
        project_id: row.get::<_, Text<_>>("project_id")?.0,
        floating_ip_address: v4("address", row.get::<_, Address>("address")?.0)?,
        port_id: row.get::<_, Option<Text<_>>>("port_id")?.map(|id| id.0),
        fixed_ip_address: fixed.map(|fixed| v4("fixed_address", fixed.0)).transpose()?,
        created_at: row.get("created_at")?,
    })
}
