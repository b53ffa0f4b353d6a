//! All that one guest's documents are made of, as of one moment.

use std::sync::Arc;

use innkeeper_model::{AttachedKeyPair, Device, DeviceKind, Ec2Key, GuestRecord, InstanceId};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    KeptRecord, Store, StoreError,
    column::Text,
    ec2_ids, guest_password,
    import::{self, Verbatim},
    instance_row,
    kept::RecordVersion,
    network_info,
    tried::Tried,
};

impl Store {
    /// The record of one instance; `None` if there is no such instance.
    pub async fn guest_record(&self, id: InstanceId) -> Result<Option<GuestRecord>, StoreError> {
        self.read(move |connection| read(connection, id)).await
    }

    /// The record of one instance, if it is known without reading that it is the current one: see
    /// [`Store::current_record`].
    pub fn kept_record(&self, id: InstanceId) -> Option<Arc<KeptRecord>> {
        let (record, is_current) = self.kept().record(&id, self.kept().now());
        record.filter(|_| is_current)
    }

    /// As [`Store::guest_record`], but as long as nothing changed that the record shows, it is the
    /// same one: what was made of it may be used again.
    ///
    /// If nothing at all was committed since it was last found to be current, nothing is read.
    /// Otherwise its revision is read, and the whole only if that has grown.
    pub async fn current_record(
        &self,
        id: InstanceId,
    ) -> Result<Option<Arc<KeptRecord>>, StoreError> {
        // Before anything is read: what is read then is as of now or later.
        let now = self.kept().now();
        let (known, is_current) = self.kept().record(&id, now);
        if is_current {
            return Ok(known);
        }
        let found = self
            .read(move |connection| {
                let Some(version) = version(connection, id)? else { return Ok(None) };
                if let Some(known) = known.filter(|known| known.version == version) {
                    return Ok(Some(known));
                }
                let record = read(connection, id)?;
                Ok(record.map(|record| Arc::new(KeptRecord::new(record, version))))
            })
            .await?;
        if let (Some(record), Some(now)) = (&found, now) {
            self.kept().keep_record(id, record, now);
        }
        Ok(found)
    }
}

/// Which row it is, and how often it has changed. An id may be given again to another instance,
/// whose revisions begin anew; a row's number is never given again.
fn version(connection: &Connection, id: InstanceId) -> Tried<Option<RecordVersion>> {
    let found = connection
        .prepare_cached("SELECT seq, revision FROM instances WHERE id = ?1")?
        .query_row([Text(id)], |row| Ok(RecordVersion { row: row.get(0)?, revision: row.get(1)? }))
        .optional()?;
    Ok(found)
}

fn read(connection: &Connection, id: InstanceId) -> Tried<Option<GuestRecord>> {
    let Some(mut instance) = instance_row::find(connection, id)? else { return Ok(None) };
    let network = network_info::of(connection, id)?;
    add_tagged_ports(&mut instance.devices, network.tags);
    let derived = GuestRecord {
        ec2_ids: ec2_ids::of(connection, &instance)?,
        network_info: network.vifs,
        security_groups: network.security_groups,
        display_name: Some(instance.name.clone()),
        ec2_key: instance.key_pair.as_ref().map(ec2_key),
        boot_roles: String::new(),
        password: guest_password::fetch(connection, id)?,
        instance,
    };
    Ok(Some(match import::verbatim(connection, id)? {
        Some(verbatim) => as_imported(derived, verbatim),
        None => derived,
    }))
}

/// An interface whose port has a role tag is a device that the guest is told of, unless it is among
/// the devices already, with more than the tag. Nobody has said on which bus it is.
fn add_tagged_ports(devices: &mut Vec<Device>, tags: Vec<(String, String)>) {
    for (mac, tag) in tags {
        let known = |device: &Device| matches!(&device.kind, DeviceKind::Nic { mac: other, .. } if other.eq_ignore_ascii_case(&mac));
        if !devices.iter().any(known) {
            let kind = DeviceKind::Nic { mac, vlan: None, vf_trusted: None };
            devices.push(Device { kind, bus: None, address: None, tags: Some(vec![tag]) });
        }
    }
}

/// What was imported comes first; ports of ours that were plugged in since follow.
fn as_imported(derived: GuestRecord, verbatim: Verbatim) -> GuestRecord {
    let Verbatim { mut network_info, mut security_groups, .. } = verbatim;
    network_info.extend(derived.network_info);
    security_groups.extend(derived.security_groups);
    GuestRecord {
        network_info,
        security_groups,
        ec2_ids: verbatim.ec2_ids.unwrap_or(derived.ec2_ids),
        ec2_key: verbatim.ec2_key,
        display_name: verbatim.display_name,
        boot_roles: verbatim.boot_roles,
        ..derived
    }
}

fn ec2_key(pair: &AttachedKeyPair) -> Ec2Key {
    Ec2Key { name: pair.name.clone(), public_key: Some(pair.public_key.clone()) }
}
