//! Instances: reading, changing, deleting.

use innkeeper_model::{
    Instance, InstanceChange, InstanceId, Invalid, NewInstance, PortId, PowerState, ProjectId,
    Properties, Revision, limits,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    Store, StoreError, attachment,
    change::Change,
    clock,
    column::{Count, Text},
    config_drive,
    dhcp_binding::first_label,
    import, instance_create,
    instance_row::{self, KIND},
    port,
    tried::Tried,
};

impl Store {
    /// Makes an instance with its ports and their addresses: all of it or nothing.
    pub async fn instance_create(&self, draft: NewInstance) -> Result<Instance, StoreError> {
        draft.validate()?;
        self.write(move |change| instance_create::create(change, &draft)).await
    }

    /// The instances of one project, or of all, oldest first.
    pub async fn instance_list(
        &self,
        project: Option<&ProjectId>,
    ) -> Result<Vec<Instance>, StoreError> {
        let project = project.cloned().map(Text);
        self.read(move |connection| {
            let select = instance_row::SELECT;
            let sql = &format!("{select} WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq");
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([project], instance_row::read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One instance.
    pub async fn instance_fetch(&self, id: InstanceId) -> Result<Instance, StoreError> {
        self.read(move |connection| instance_row::fetch(connection, id)).await
    }

    /// Changes an instance.
    pub async fn instance_update(
        &self,
        id: InstanceId,
        wanted: InstanceChange,
    ) -> Result<Instance, StoreError> {
        self.instance_update_forcing(id, wanted, false).await
    }

    /// As [`instance_update`](Self::instance_update). With `force_config_drive`, an instance that
    /// is launched for the first time has a config drive from then on.
    pub async fn instance_update_forcing(
        &self,
        id: InstanceId,
        wanted: InstanceChange,
        force_config_drive: bool,
    ) -> Result<Instance, StoreError> {
        wanted.validate()?;
        self.write(move |change| update(change, id, &wanted, force_config_drive)).await
    }

    /// Deletes an instance and the ports that were made for it; ports it was given stay.
    pub async fn instance_delete(&self, id: InstanceId) -> Result<(), StoreError> {
        self.write(move |change| delete(change, id)).await
    }

    /// How often an instance's documents have changed; `None` if there is no such instance.
    pub async fn revision(&self, id: InstanceId) -> Result<Option<Revision>, StoreError> {
        self.read(move |connection| {
            let found = connection
                .prepare_cached("SELECT revision FROM instances WHERE id = ?1")?
                .query_row([Text(id)], |row| row.get::<_, Count>(0))
                .optional()?;
            Ok(found.map(|revision| revision.0))
        })
        .await
    }
}

fn update(
    change: &mut Change<'_>,
    id: InstanceId,
    wanted: &InstanceChange,
    force_config_drive: bool,
) -> Tried<Instance> {
    let before = instance_row::fetch(change, id)?;
    let mut after = before.clone();
    apply(&mut after, wanted)?;
    if before.launched_at.is_none() && after.launched_at.is_some() {
        after.config_drive |= force_config_drive;
    }
    if after == before {
        return Ok(before);
    }
    instance_row::update(change, &after)?;
    if after.name != before.name {
        import::rename(change, id, &after.name)?;
    }
    if first_label(&after.hostname) != first_label(&before.hostname) {
        change.touch_host_name(id)?;
    }
    if !shows_the_same(&before, &after) {
        change.touch_instance(id);
        // What the commit will make of it.
        after.revision += 1;
    }
    Ok(after)
}

/// Whether the documents are those of before: they say nothing of launches and drives.
fn shows_the_same(before: &Instance, after: &Instance) -> bool {
    let Instance { power_state, launched_at, config_drive, .. } = *after;
    Instance { power_state, launched_at, config_drive, ..before.clone() } == *after
}

fn apply(instance: &mut Instance, wanted: &InstanceChange) -> Result<(), Invalid> {
    if let Some(name) = &wanted.name {
        instance.name.clone_from(name);
    }
    if let Some(hostname) = &wanted.hostname {
        instance.hostname.clone_from(hostname);
    }
    if let Some(user_data) = &wanted.user_data {
        instance.user_data = Some(user_data.clone());
    }
    if let Some(zone) = &wanted.availability_zone {
        instance.availability_zone = Some(zone.clone());
    }
    if let Some(devices) = &wanted.devices {
        instance.devices.clone_from(devices);
    }
    if let Some(power_state) = wanted.power_state {
        instance.power_state = power_state;
        if power_state == PowerState::Running && instance.launched_at.is_none() {
            instance.launched_at = Some(clock::now());
        }
    }
    change_metadata(&mut instance.metadata, wanted)
}

fn change_metadata(metadata: &mut Properties, wanted: &InstanceChange) -> Result<(), Invalid> {
    for key in &wanted.unset_metadata {
        metadata.shift_remove(key);
    }
    for (key, value) in &wanted.set_metadata {
        metadata.insert(key.clone(), value.clone());
    }
    let items = metadata.len();
    if items > limits::METADATA_ITEMS_MAX {
        let reason = format!(
            "would have {items} items; at most {} are allowed: take some away",
            limits::METADATA_ITEMS_MAX
        );
        return Err(Invalid::new("metadata", reason));
    }
    Ok(())
}

fn delete(change: &mut Change<'_>, id: InstanceId) -> Tried<()> {
    instance_row::fetch(change, id)?;
    for (port, made_for_it) in ports(change, id)? {
        if made_for_it {
            port::remove(change, port)?;
        } else {
            attachment::detach(change, port)?;
        }
    }
    import::forget(change, id)?;
    config_drive::abandon(change, id)?;
    match change.execute("DELETE FROM instances WHERE id = ?1", params![Text(id)])? {
        0 => Err(StoreError::not_found(KIND, &id).into()),
        _ => Ok(()),
    }
}

fn ports(connection: &Connection, id: InstanceId) -> Tried<Vec<(PortId, bool)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, made_for_instance FROM ports WHERE instance_id = ?1 ORDER BY attach_order",
    )?;
    let rows = statement
        .query_map([Text(id)], |row| Ok((row.get::<_, Text<PortId>>(0)?.0, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
