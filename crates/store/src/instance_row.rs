//! How an instance is kept in its row.

use innkeeper_model::{Instance, InstanceId, Secret};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use crate::{
    StoreError,
    change::Change,
    column::{Count, Json, Text, Word},
    tried::{Tried, or_taken},
};

/// What operators call it.
pub(crate) const KIND: &str = "instance";

/// The columns of an instance, in the order in which [`read`] takes them.
pub(crate) const SELECT: &str = "
    SELECT id, project_id, user_id, name, hostname, flavor, image_id, kernel_id, ramdisk_id,
        availability_zone, launch_index, reservation_id, key_pair, user_data, metadata,
        personality, admin_password, root_device_name, default_ephemeral_device,
        default_swap_device, block_devices, devices, numa_cells, config_drive, power_state,
        launched_at, created_at, revision
    FROM instances";

/// The instance with that id.
pub(crate) fn fetch(connection: &Connection, id: InstanceId) -> Tried<Instance> {
    find(connection, id)?.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

/// The instance with that id, if there is one.
pub(crate) fn find(connection: &Connection, id: InstanceId) -> Tried<Option<Instance>> {
    let found = connection
        .prepare_cached(&format!("{SELECT} WHERE id = ?1"))?
        .query_row([Text(id)], read)
        .optional()?;
    Ok(found)
}

/// Writes a new row.
pub(crate) fn insert(change: &Change<'_>, instance: &Instance) -> Tried<()> {
    let revision = i64::try_from(instance.revision).unwrap_or(i64::MAX);
    let inserted = change
        .prepare_cached(
            "INSERT INTO instances (
                 id, project_id, user_id, name, hostname, flavor, image_id, kernel_id, ramdisk_id,
                 availability_zone, launch_index, reservation_id, key_pair, user_data, metadata,
                 personality, admin_password, root_device_name, default_ephemeral_device,
                 default_swap_device, block_devices, devices, numa_cells, config_drive,
                 power_state, launched_at, created_at, revision)
             VALUES (
                 :id, :project_id, :user_id, :name, :hostname, :flavor, :image_id, :kernel_id,
                 :ramdisk_id, :availability_zone, :launch_index, :reservation_id, :key_pair,
                 :user_data, :metadata, :personality, :admin_password, :root_device_name,
                 :default_ephemeral_device, :default_swap_device, :block_devices, :devices,
                 :numa_cells, :config_drive, :power_state, :launched_at, :created_at, :revision)",
        )?
        .execute(named_params! {
            ":id": Text(instance.id),
            ":project_id": Text(&instance.project_id),
            ":user_id": instance.user_id,
            ":name": instance.name,
            ":hostname": instance.hostname,
            ":flavor": Json(&instance.flavor),
            ":image_id": instance.image_id.map(Text),
            ":kernel_id": instance.kernel_id.map(Text),
            ":ramdisk_id": instance.ramdisk_id.map(Text),
            ":availability_zone": instance.availability_zone,
            ":launch_index": instance.launch_index,
            ":reservation_id": instance.reservation_id,
            ":key_pair": instance.key_pair.as_ref().map(Json),
            ":user_data": instance.user_data.as_ref().map(Word),
            ":metadata": Json(&instance.metadata),
            ":personality": Json(&instance.personality),
            ":admin_password": instance.admin_password.as_ref().map(Secret::expose),
            ":root_device_name": instance.root_device_name,
            ":default_ephemeral_device": instance.default_ephemeral_device,
            ":default_swap_device": instance.default_swap_device,
            ":block_devices": Json(&instance.block_devices),
            ":devices": Json(&instance.devices),
            ":numa_cells": Json(&instance.numa_cells),
            ":config_drive": instance.config_drive,
            ":power_state": Word(instance.power_state),
            ":launched_at": instance.launched_at,
            ":created_at": instance.created_at,
            ":revision": revision,
        });
    or_taken(inserted, KIND, instance.id, &instance.name)
}

/// Writes every column but when it was made and its revision, which grows at the commit.
pub(crate) fn replace(change: &Change<'_>, instance: &Instance) -> Tried<()> {
    update(change, instance)?;
    change
        .prepare_cached(
            "UPDATE instances SET
                 project_id = :project_id, user_id = :user_id, flavor = :flavor,
                 image_id = :image_id, kernel_id = :kernel_id, ramdisk_id = :ramdisk_id,
                 launch_index = :launch_index, reservation_id = :reservation_id,
                 key_pair = :key_pair, personality = :personality,
                 admin_password = :admin_password, root_device_name = :root_device_name,
                 default_ephemeral_device = :default_ephemeral_device,
                 default_swap_device = :default_swap_device, block_devices = :block_devices,
                 numa_cells = :numa_cells
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": Text(instance.id),
            ":project_id": Text(&instance.project_id),
            ":user_id": instance.user_id,
            ":flavor": Json(&instance.flavor),
            ":image_id": instance.image_id.map(Text),
            ":kernel_id": instance.kernel_id.map(Text),
            ":ramdisk_id": instance.ramdisk_id.map(Text),
            ":launch_index": instance.launch_index,
            ":reservation_id": instance.reservation_id,
            ":key_pair": instance.key_pair.as_ref().map(Json),
            ":personality": Json(&instance.personality),
            ":admin_password": instance.admin_password.as_ref().map(Secret::expose),
            ":root_device_name": instance.root_device_name,
            ":default_ephemeral_device": instance.default_ephemeral_device,
            ":default_swap_device": instance.default_swap_device,
            ":block_devices": Json(&instance.block_devices),
            ":numa_cells": Json(&instance.numa_cells),
        })?;
    Ok(())
}

/// Writes the columns that can change; the revision grows at the commit.
pub(crate) fn update(change: &Change<'_>, instance: &Instance) -> Tried<()> {
    change
        .prepare_cached(
            "UPDATE instances SET
                 name = :name, hostname = :hostname, availability_zone = :availability_zone,
                 user_data = :user_data, metadata = :metadata, devices = :devices,
                 power_state = :power_state, launched_at = :launched_at,
                 config_drive = :config_drive
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": Text(instance.id),
            ":name": instance.name,
            ":hostname": instance.hostname,
            ":availability_zone": instance.availability_zone,
            ":user_data": instance.user_data.as_ref().map(Word),
            ":metadata": Json(&instance.metadata),
            ":devices": Json(&instance.devices),
            ":power_state": Word(instance.power_state),
            ":launched_at": instance.launched_at,
            ":config_drive": instance.config_drive,
        })?;
    Ok(())
}

/// Reads what [`SELECT`] selects.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Instance> {
    // By position: to look for each column by its name took a tenth of the time of a guest's read.
    let mut positions = 0..;
    let mut next = || positions.next().unwrap_or_default();
    let image = |column: usize| {
        Ok::<_, rusqlite::Error>(row.get::<_, Option<Text<_>>>(column)?.map(|id| id.0))
    };
    Ok(Instance {
        id: row.get::<_, Text<_>>(next())?.0,
        project_id: row.get::<_, Text<_>>(next())?.0,
        user_id: row.get(next())?,
        name: row.get(next())?,
        hostname: row.get(next())?,
        flavor: row.get::<_, Json<_>>(next())?.0,
        image_id: image(next())?,
        kernel_id: image(next())?,
        ramdisk_id: image(next())?,
        availability_zone: row.get(next())?,
        launch_index: row.get(next())?,
        reservation_id: row.get(next())?,
        key_pair: row.get::<_, Option<Json<_>>>(next())?.map(|key| key.0),
        user_data: row.get::<_, Option<Word<_>>>(next())?.map(|data| data.0),
        metadata: row.get::<_, Json<_>>(next())?.0,
        personality: row.get::<_, Json<_>>(next())?.0,
        admin_password: row.get::<_, Option<String>>(next())?.map(Secret::new),
        root_device_name: row.get(next())?,
        default_ephemeral_device: row.get(next())?,
        default_swap_device: row.get(next())?,
        block_devices: row.get::<_, Json<_>>(next())?.0,
        devices: row.get::<_, Json<_>>(next())?.0,
        numa_cells: row.get::<_, Json<_>>(next())?.0,
        config_drive: row.get(next())?,
        power_state: row.get::<_, Word<_>>(next())?.0,
        launched_at: row.get(next())?,
        created_at: row.get(next())?,
        revision: row.get::<_, Count>(next())?.0,
    })
}
