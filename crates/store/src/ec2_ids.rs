//! The integers by which EC2 documents name what OpenStack names by UUID.

use innkeeper_model::{Ec2Ids, ImageId, Instance};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    change::Change,
    column::{Count, Text},
    tried::Tried,
};

/// Numbers a new instance and its images, unless they were numbered before.
pub(crate) fn give(change: &Change<'_>, instance: &Instance) -> Tried<()> {
    change
        .prepare_cached(
            "INSERT INTO ec2_instance_ids (uuid) VALUES (?1) ON CONFLICT (uuid) DO NOTHING",
        )?
        .execute([Text(instance.id)])?;
    let mut number = change.prepare_cached(
        "INSERT INTO ec2_image_ids (uuid) VALUES (?1) ON CONFLICT (uuid) DO NOTHING",
    )?;
    for image in [instance.image_id, instance.kernel_id, instance.ramdisk_id].into_iter().flatten()
    {
        number.execute([Text(image)])?;
    }
    Ok(())
}

/// Keeps the numbers that an imported machine brings from being given to others, where they are
/// still free.
pub(crate) fn reserve(change: &Change<'_>, instance: &Instance, ids: Ec2Ids) -> Tried<()> {
    let mut instances = change
        .prepare_cached("INSERT OR IGNORE INTO ec2_instance_ids (number, uuid) VALUES (?1, ?2)")?;
    if let Some(number) = reservable(Some(ids.instance)) {
        instances.execute(params![number, Text(instance.id)])?;
    }
    let mut images = change
        .prepare_cached("INSERT OR IGNORE INTO ec2_image_ids (number, uuid) VALUES (?1, ?2)")?;
    let pairs = [
        (ids.image, instance.image_id),
        (ids.kernel, instance.kernel_id),
        (ids.ramdisk, instance.ramdisk_id),
    ];
    for (number, image) in pairs {
        if let (Some(number), Some(image)) = (reservable(number), image) {
            images.execute(params![number, Text(image)])?;
        }
    }
    Ok(())
}

/// Later numbers are given after the largest: one that is no number of Nova's columns would use
/// them up.
fn reservable(number: Option<u64>) -> Option<i32> {
    number.and_then(|number| i32::try_from(number).ok()).filter(|number| *number > 0)
}

/// An instance's numbers, and its images'.
pub(crate) fn of(connection: &Connection, instance: &Instance) -> Tried<Ec2Ids> {
    let number: Count = connection
        .prepare_cached("SELECT number FROM ec2_instance_ids WHERE uuid = ?1")?
        .query_row([Text(instance.id)], |row| row.get(0))?;
    let mut images =
        connection.prepare_cached("SELECT number FROM ec2_image_ids WHERE uuid = ?1")?;
    let mut image = |id: Option<ImageId>| -> Tried<Option<u64>> {
        let Some(id) = id else { return Ok(None) };
        let found = images.query_row([Text(id)], |row| row.get::<_, Count>(0)).optional()?;
        Ok(found.map(|count| count.0))
    };
    Ok(Ec2Ids {
        instance: number.0,
        image: image(instance.image_id)?,
        kernel: image(instance.kernel_id)?,
        ramdisk: image(instance.ramdisk_id)?,
    })
}
