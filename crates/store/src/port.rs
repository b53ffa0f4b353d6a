//! Ports.

use std::collections::HashMap;

use innkeeper_model::{
    FixedIp, InstanceId, Invalid, NewPort, Port, PortAttachment, PortChange, PortId, ProjectId,
    RouterId,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    addresses::{self, Place},
    attachment,
    change::Change,
    column::{Address, Json, Text},
    floating_ip, network,
    port_create::{self, Purpose},
    project,
    tried::Tried,
};

const KIND: &str = "port";

impl Store {
    /// Makes a port that is attached to nothing.
    pub async fn port_create(&self, draft: NewPort) -> Result<Port, StoreError> {
        draft.validate()?;
        self.write(move |change| {
            project::must_exist(change, &draft.project_id)?;
            let network =
                network::referenced_by(change, "network_id", draft.network_id, &draft.project_id)?;
            let id = port_create::create(change, &draft, &network, Purpose::Free)?;
            fetch(change, id)
        })
        .await
    }

    /// The ports of one project, or of all, oldest first; routers' and DHCP servers' included.
    pub async fn port_list(&self, project: Option<&ProjectId>) -> Result<Vec<Port>, StoreError> {
        let project = project.cloned();
        self.read(move |connection| list(connection, project.as_ref())).await
    }

    /// One port.
    pub async fn port_fetch(&self, id: PortId) -> Result<Port, StoreError> {
        self.read(move |connection| fetch(connection, id)).await
    }

    /// Changes a port; attaches or detaches an instance.
    pub async fn port_update(&self, id: PortId, wanted: PortChange) -> Result<Port, StoreError> {
        wanted.validate()?;
        self.write(move |change| update(change, id, &wanted)).await
    }

    /// Deletes a port, also under an instance. Floating IPs that lead to it lead nowhere then.
    pub async fn port_delete(&self, id: PortId) -> Result<(), StoreError> {
        self.write(move |change| {
            let port = fetch(change, id)?;
            if let Some(by) = infrastructure(port.attachment) {
                return Err(StoreError::in_use(KIND, &id, by).into());
            }
            remove(change, id)
        })
        .await
    }
}

/// The port with that id.
pub(crate) fn fetch(connection: &Connection, id: PortId) -> Tried<Port> {
    find(connection, id)?.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

/// The port with that id, if there is one.
pub(crate) fn find(connection: &Connection, id: PortId) -> Tried<Option<Port>> {
    let found = connection
        .prepare_cached("SELECT * FROM ports WHERE id = ?1")?
        .query_row([Text(id)], read)
        .optional()?;
    let Some(mut port) = found else { return Ok(None) };
    port.fixed_ips = addresses::of_port(connection, id)?;
    Ok(Some(port))
}

/// Deletes a port with all that hangs on it, whatever it is attached to.
pub(crate) fn remove(change: &mut Change<'_>, id: PortId) -> Tried<()> {
    change.touch_port(id)?;
    change.touch_topology();
    floating_ip::lead_nowhere(change, id)?;
    addresses::release(change, id)?;
    change.prepare_cached("DELETE FROM ports WHERE id = ?1")?.execute([Text(id)])?;
    Ok(())
}

/// A port's columns, by their bare names; the addresses are in another table.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Port> {
    let instance: Option<Text<InstanceId>> = row.get("instance_id")?;
    let router: Option<Text<RouterId>> = row.get("router_id")?;
    let dhcp: Option<String> = row.get("dhcp_network_id")?;
    let attachment = match (instance, router, dhcp) {
        (Some(id), ..) => PortAttachment::Instance(id.0),
        (None, Some(id), _) => PortAttachment::Router(id.0),
        (None, None, Some(_)) => PortAttachment::Dhcp,
        (None, None, None) => PortAttachment::None,
    };
    Ok(Port {
        id: row.get::<_, Text<_>>("id")?.0,
        project_id: row.get::<_, Text<_>>("project_id")?.0,
        network_id: row.get::<_, Text<_>>("network_id")?.0,
        name: row.get("name")?,
        mac_address: row.get::<_, Text<_>>("mac")?.0,
        fixed_ips: Vec::new(),
        security_groups: row.get::<_, Json<_>>("security_groups")?.0,
        attachment,
        tag: row.get("tag")?,
        extra_dhcp_opts: row.get::<_, Json<_>>("extra_dhcp_opts")?.0,
        created_at: row.get("created_at")?,
    })
}

fn list(connection: &Connection, project: Option<&ProjectId>) -> Tried<Vec<Port>> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM ports WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq")?;
    let rows = statement.query_map([project.map(Text)], read)?;
    let mut ports: Vec<Port> = rows.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare_cached(
        "SELECT f.port_id, f.subnet_id, f.address FROM fixed_ips f JOIN ports p ON p.id = f.port_id
         WHERE ?1 IS NULL OR p.project_id = ?1 ORDER BY f.port_id, f.position",
    )?;
    let rows = statement.query_map([project.map(Text)], |row| {
        let port: Text<PortId> = row.get(0)?;
        let subnet_id = row.get::<_, Text<_>>(1)?.0;
        Ok((port.0, FixedIp { subnet_id, ip_address: row.get::<_, Address>(2)?.0 }))
    })?;
    let mut fixed_ips: HashMap<PortId, Vec<FixedIp>> = HashMap::new();
    for row in rows {
        let (port, fixed_ip) = row?;
        fixed_ips.entry(port).or_default().push(fixed_ip);
    }
    for port in &mut ports {
        port.fixed_ips = fixed_ips.remove(&port.id).unwrap_or_default();
    }
    Ok(ports)
}

fn update(change: &mut Change<'_>, id: PortId, wanted: &PortChange) -> Tried<Port> {
    let before = fetch(change, id)?;
    refuse_infrastructure(&before, wanted)?;
    let name = wanted.name.as_ref().unwrap_or(&before.name);
    let groups = wanted.security_groups.as_ref().unwrap_or(&before.security_groups);
    let options = wanted.extra_dhcp_opts.as_ref().unwrap_or(&before.extra_dhcp_opts);
    let columns = (&before.name, &before.security_groups, &before.extra_dhcp_opts);
    if (name, groups, options) != columns {
        change
            .prepare_cached(
                "UPDATE ports SET name = ?2, security_groups = ?3, extra_dhcp_opts = ?4
                 WHERE id = ?1",
            )?
            .execute(params![Text(id), name, Json(groups), Json(options)])?;
    }
    if let Some(requests) = &wanted.fixed_ips {
        let place = Place { network: before.network_id, port: id, mac: before.mac_address };
        addresses::release(change, id)?;
        addresses::assign(change, place, Some(requests), &before.fixed_ips)?;
        floating_ip::keep_only_present(change, id)?;
    }
    let after = fetch(change, id)?;
    // A port's name is not in any document.
    if (&after.fixed_ips, &after.security_groups) != (&before.fixed_ips, &before.security_groups) {
        change.touch_port(id)?;
    }
    if (&after.fixed_ips, &after.extra_dhcp_opts) != (&before.fixed_ips, &before.extra_dhcp_opts) {
        change.touch_topology();
    }
    if let Some(attachment) = wanted.attachment {
        attachment::set(change, &after, attachment)?;
    }
    fetch(change, id)
}

/// A router's port, and a DHCP server's, is its owner's to change.
fn refuse_infrastructure(port: &Port, wanted: &PortChange) -> Result<(), Invalid> {
    let Some(by) = infrastructure(port.attachment) else { return Ok(()) };
    let attachment = wanted.attachment.filter(|attachment| *attachment != port.attachment);
    let fields = [
        ("fixed_ips", wanted.fixed_ips.is_some()),
        ("attachment", attachment.is_some()),
        ("extra_dhcp_opts", wanted.extra_dhcp_opts.is_some()),
    ];
    match fields.iter().find(|(_, is_wanted)| *is_wanted) {
        Some((field, _)) => {
            let reason = format!("port {} belongs to {by}, which alone may change this", port.id);
            Err(Invalid::new(*field, reason))
        }
        None => Ok(()),
    }
}

/// Whose a port is that only its owner may change.
fn infrastructure(attachment: PortAttachment) -> Option<String> {
    match attachment {
        PortAttachment::Router(id) => Some(format!("router {id}")),
        PortAttachment::Dhcp => Some("its network's DHCP server".to_owned()),
        PortAttachment::None | PortAttachment::Instance(_) => None,
    }
}
