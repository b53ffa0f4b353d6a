//! Plugging instances into ports and out again.

use innkeeper_model::{InstanceId, Invalid, Port, PortAttachment, PortId, limits};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{StoreError, change::Change, column::Text, tried::Tried};

/// The place after an instance's last port; refuses more ports than an instance can have.
pub(crate) fn next_order(connection: &Connection, instance: InstanceId) -> Tried<i64> {
    let (count, last): (usize, i64) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(max(attach_order), 0) FROM ports WHERE instance_id = ?1",
        )?
        .query_row([Text(instance)], |row| {
            Ok((usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX), row.get(1)?))
        })?;
    if count >= limits::PORTS_PER_INSTANCE_MAX {
        let reason = format!(
            "instance {instance} has {count} ports already; at most {} are allowed",
            limits::PORTS_PER_INSTANCE_MAX
        );
        return Err(StoreError::conflict("attachment", reason).into());
    }
    Ok(last + 1)
}

/// Makes `port` what `wanted` says; does nothing if it is that already.
pub(crate) fn set(change: &mut Change<'_>, port: &Port, wanted: PortAttachment) -> Tried<()> {
    if wanted == port.attachment {
        return Ok(());
    }
    match (port.attachment, wanted) {
        (_, PortAttachment::Router(_) | PortAttachment::Dhcp) => {
            let reason = "only an instance or none: for a router use add-subnet, and DHCP ports \
                          come with their subnets";
            Err(Invalid::new("attachment", reason).into())
        }
        (PortAttachment::Instance(_), PortAttachment::None) => detach(change, port.id),
        (PortAttachment::None, PortAttachment::Instance(instance)) => {
            attach(change, port, instance, "attachment")
        }
        (taken, _) => Err(StoreError::conflict("attachment", occupied(port.id, taken)).into()),
    }
}

/// Plugs `instance` into a free port of the same project; `field` names the port in a refusal.
pub(crate) fn attach(
    change: &mut Change<'_>,
    port: &Port,
    instance: InstanceId,
    field: &str,
) -> Tried<()> {
    if port.attachment != PortAttachment::None {
        return Err(StoreError::conflict(field, occupied(port.id, port.attachment)).into());
    }
    let owner: Option<String> = change
        .prepare_cached("SELECT project_id FROM instances WHERE id = ?1")?
        .query_row([Text(instance)], |row| row.get(0))
        .optional()?;
    match owner {
        None => return Err(Invalid::new(field, format!("there is no instance {instance}")).into()),
        Some(owner) if owner != port.project_id.as_str() => {
            let reason = format!(
                "instance {instance} belongs to project {owner}, port {} to {}",
                port.id, port.project_id
            );
            return Err(Invalid::new(field, reason).into());
        }
        Some(_) => {}
    }
    if let Some(tag) = &port.tag {
        refuse_second(change, instance, tag, field)?;
    }
    let order = next_order(change, instance)?;
    change
        .prepare_cached("UPDATE ports SET instance_id = ?2, attach_order = ?3 WHERE id = ?1")?
        .execute(params![Text(port.id), Text(instance), order])?;
    change.touch_instance(instance);
    change.touch_topology();
    Ok(())
}

/// A guest finds a device by its tag, so no two of its ports may have the same.
fn refuse_second(
    connection: &Connection,
    instance: InstanceId,
    tag: &str,
    field: &str,
) -> Tried<()> {
    let taken: Option<String> = connection
        .prepare_cached("SELECT id FROM ports WHERE instance_id = ?1 AND tag = ?2 LIMIT 1")?
        .query_row(params![Text(instance), tag], |row| row.get(0))
        .optional()?;
    taken.map_or(Ok(()), |port| {
        let reason = format!(
            "port {port} of instance {instance} has the tag \"{tag}\" already: give one of them \
             another"
        );
        Err(StoreError::conflict(field, reason).into())
    })
}

/// Takes the instance out of a port, which from then on outlives it.
pub(crate) fn detach(change: &mut Change<'_>, port: PortId) -> Tried<()> {
    change.touch_port(port)?;
    change.touch_topology();
    change
        .prepare_cached(
            "UPDATE ports SET instance_id = NULL, attach_order = NULL, made_for_instance = 0
             WHERE id = ?1",
        )?
        .execute([Text(port)])?;
    Ok(())
}

fn occupied(port: PortId, by: PortAttachment) -> String {
    let by = match by {
        PortAttachment::None => "nothing".to_owned(),
        PortAttachment::Instance(id) => format!("instance {id}"),
        PortAttachment::Router(id) => format!("router {id}"),
        PortAttachment::Dhcp => "its network's DHCP server".to_owned(),
    };
    format!("port {port} is attached to {by}: detach it first, or use another port")
}
