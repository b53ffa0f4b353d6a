//! Machines taken over from Nova.

use std::net::IpAddr;

use innkeeper_model::{
    Ec2Ids, Ec2Key, GuestRecord, ImportedInstance, Instance, InstanceId, MacAddress, NetworkId,
    PortId, ProjectId, Vif,
};
use rusqlite::{Connection, OptionalExtension as _, named_params, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::{Address, Json, Text},
    dhcp_binding::first_label,
    ec2_ids, guest_password, instance_row,
    tried::{Tried, or_taken},
};

impl Store {
    /// Takes a machine over, with its project if that is missing; all of it or nothing. Importing
    /// the same id again replaces what was imported before, the guest's password if it comes with one; whether it
    /// runs, and ports of ours that were plugged into it, stay.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id belongs to a machine that was made here.
    pub async fn instance_import(
        &self,
        imported: &ImportedInstance,
    ) -> Result<Instance, StoreError> {
        let record = imported.record()?;
        self.write(move |change| import(change, &record)).await
    }
}

/// What Nova had, where our own tables could not give it.
pub(crate) struct Verbatim {
    pub(crate) network_info: Vec<Vif>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) ec2_ids: Option<Ec2Ids>,
    pub(crate) ec2_key: Option<Ec2Key>,
    pub(crate) display_name: Option<String>,
    pub(crate) boot_roles: String,
}

/// What was imported with this machine; `None` if it was made here.
pub(crate) fn verbatim(connection: &Connection, id: InstanceId) -> Tried<Option<Verbatim>> {
    let found = connection
        .prepare_cached("SELECT * FROM imported_instances WHERE instance_id = ?1")?
        .query_row([Text(id)], |row| {
            Ok(Verbatim {
                network_info: row.get::<_, Json<_>>("network_info")?.0,
                security_groups: row.get::<_, Json<_>>("security_groups")?.0,
                ec2_ids: row.get::<_, Option<Json<_>>>("ec2_ids")?.map(|ids| ids.0),
                ec2_key: row.get::<_, Option<Json<_>>>("ec2_key")?.map(|key| key.0),
                display_name: row.get("display_name")?,
                boot_roles: row.get("boot_roles")?,
            })
        })
        .optional()?;
    Ok(found)
}

/// An imported machine's display name follows when its operator gives it a new one.
pub(crate) fn rename(change: &Change<'_>, id: InstanceId, name: &str) -> Tried<()> {
    change
        .prepare_cached("UPDATE imported_instances SET display_name = ?2 WHERE instance_id = ?1")?
        .execute(params![Text(id), name])?;
    Ok(())
}

/// Forgets what was imported with a machine.
pub(crate) fn forget(change: &Change<'_>, id: InstanceId) -> Tried<()> {
    for sql in [
        "DELETE FROM imported_addresses WHERE instance_id = ?1",
        "DELETE FROM imported_instances WHERE instance_id = ?1",
    ] {
        change.prepare_cached(sql)?.execute([Text(id)])?;
    }
    Ok(())
}

fn import(change: &mut Change<'_>, record: &GuestRecord) -> Tried<Instance> {
    let mut instance = record.instance.clone();
    let id = instance.id;
    demand_project(change, &instance.project_id)?;
    match instance_row::find(change, id)? {
        None => {
            instance.created_at = clock::now();
            instance_row::insert(change, &instance)?;
        }
        Some(before) => {
            replaceable(change, &before)?;
            forget(change, id)?;
            instance.created_at = before.created_at;
            instance.power_state = before.power_state;
            instance.launched_at = before.launched_at;
            // Once it has run with a drive, it keeps one.
            instance.config_drive |= before.config_drive && before.launched_at.is_some();
            instance_row::replace(change, &instance)?;
            change.touch_instance(id);
            if first_label(&instance.hostname) != first_label(&before.hostname) {
                change.touch_host_name(id)?;
            }
            // What the commit will make of it.
            instance.revision = before.revision + 1;
        }
    }
    ec2_ids::reserve(change, &instance, record.ec2_ids)?;
    ec2_ids::give(change, &instance)?;
    insert(change, record)?;
    insert_addresses(change, id, &record.network_info)?;
    // What the guest has posted here since is not undone by an import that knows of none.
    if !record.password.is_empty() {
        guest_password::replace(change, id, &record.password)?;
    }
    Ok(instance)
}

fn replaceable(change: &Change<'_>, before: &Instance) -> Tried<()> {
    if verbatim(change, before.id)?.is_some() {
        return Ok(());
    }
    let reason = format!(
        "instance {} ({}) was made here, not imported: delete it first if the imported one is to \
         take its place",
        before.id,
        before.name.escape_debug()
    );
    Err(StoreError::conflict("uuid", reason).into())
}

fn demand_project(change: &Change<'_>, id: &ProjectId) -> Tried<()> {
    let known =
        change.prepare_cached("SELECT 1 FROM projects WHERE id = ?1")?.exists([id.as_str()])?;
    if known {
        return Ok(());
    }
    let inserted = change.execute(
        "INSERT INTO projects (id, name, description, created_at)
         VALUES (?1, ?1, 'Made for an imported instance', ?2)",
        params![id.as_str(), clock::now()],
    );
    or_taken(inserted, "project", id, id.as_str())
}

fn insert(change: &Change<'_>, record: &GuestRecord) -> Tried<()> {
    let numbered = record.ec2_ids.instance != 0;
    change
        .prepare_cached(
            "INSERT INTO imported_instances (
                 instance_id, network_info, security_groups, ec2_ids, ec2_key, display_name,
                 boot_roles)
             VALUES (
                 :instance_id, :network_info, :security_groups, :ec2_ids, :ec2_key, :display_name,
                 :boot_roles)",
        )?
        .execute(named_params! {
            ":instance_id": Text(record.instance.id),
            ":network_info": Json(&record.network_info),
            ":security_groups": Json(&record.security_groups),
            ":ec2_ids": numbered.then_some(Json(record.ec2_ids)),
            ":ec2_key": record.ec2_key.as_ref().map(Json),
            ":display_name": record.display_name,
            ":boot_roles": record.boot_roles,
        })?;
    Ok(())
}

/// Interfaces whose ids are no UUIDs are shown, but not found by address.
fn insert_addresses(change: &Change<'_>, id: InstanceId, vifs: &[Vif]) -> Tried<()> {
    let mut insert = change.prepare_cached(
        "INSERT INTO imported_addresses (instance_id, port_id, network_id, mac, address)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for vif in vifs {
        let Some(network) = &vif.network else { continue };
        let (Ok(port), Ok(network)) = (vif.id.parse::<PortId>(), network.id.parse::<NetworkId>())
        else {
            continue;
        };
        let mac = vif.address.parse::<MacAddress>().ok().map(Text);
        let ips = vif.subnets().iter().flat_map(|subnet| &subnet.ips);
        let mut addresses: Vec<Option<IpAddr>> =
            ips.map(|ip| Some(ip.address.to_canonical())).collect();
        if addresses.is_empty() {
            addresses.push(None);
        }
        for address in addresses {
            let address = address.map(Address);
            insert.execute(params![Text(id), Text(port), Text(network), mac, address])?;
        }
    }
    Ok(())
}
