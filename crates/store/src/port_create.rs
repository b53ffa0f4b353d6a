//! Making a port: its MAC address, its addresses, what is plugged in.

use innkeeper_model::{InstanceId, MacAddress, Network, NewPort, PortAttachment, PortId, RouterId};
use rusqlite::params;

use crate::{
    StoreError,
    addresses::{self, Place},
    attachment,
    change::Change,
    clock,
    column::{Json, Text},
    random,
    tried::{Fault, Tried, duplicate_column},
};

const KIND: &str = "port";
/// New MAC addresses tried before giving up: with half of all 16 million taken on one network, as
/// many failures in a row happen once in 65,536 times.
const MAC_ATTEMPTS: usize = 16;

/// What a port is made for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Nothing yet.
    Free,
    /// This instance, with which it will be deleted.
    MadeFor(InstanceId),
    /// A router or the DHCP server.
    Ours(PortAttachment),
}

impl Purpose {
    const fn attachment(self) -> PortAttachment {
        match self {
            Self::Free => PortAttachment::None,
            Self::MadeFor(id) => PortAttachment::Instance(id),
            Self::Ours(attachment) => attachment,
        }
    }
}

/// Makes a port on `network`, which is the draft's, with the addresses that the draft asks for.
pub(crate) fn create(
    change: &mut Change<'_>,
    draft: &NewPort,
    network: &Network,
    purpose: Purpose,
) -> Tried<PortId> {
    draft.validate()?;
    let id = draft.id.unwrap_or_else(PortId::random);
    let mac = insert_with_mac(change, draft, id, purpose)?;
    let place = Place { network: network.id, port: id, mac };
    addresses::assign(change, place, draft.fixed_ips.as_deref(), &[])?;
    change.touch_port(id)?;
    change.touch_topology();
    Ok(id)
}

/// A MAC address that was given must be free; one that is made is made again until it is.
fn insert_with_mac(
    change: &Change<'_>,
    draft: &NewPort,
    id: PortId,
    purpose: Purpose,
) -> Tried<MacAddress> {
    for _ in 0..MAC_ATTEMPTS {
        let mac = match draft.mac_address {
            Some(mac) => mac,
            None => random::mac_address()?,
        };
        let Err(error) = insert(change, draft, id, mac, purpose)? else { return Ok(mac) };
        match (duplicate_column(&error), draft.mac_address) {
            (Some("mac"), None) => {}
            (Some("mac"), Some(mac)) => {
                let reason = format!("{mac} is taken on the same network: choose another");
                return Err(StoreError::conflict("mac_address", reason).into());
            }
            (Some("id"), _) => {
                let reason = format!("a {KIND} with the id {id} exists already");
                return Err(StoreError::conflict("id", reason).into());
            }
            _ => return Err(error.into()),
        }
    }
    let reason = format!("{MAC_ATTEMPTS} random addresses were all taken: give one yourself");
    Err(StoreError::conflict("mac_address", reason).into())
}

fn insert(
    change: &Change<'_>,
    draft: &NewPort,
    id: PortId,
    mac: MacAddress,
    purpose: Purpose,
) -> Result<Result<(), rusqlite::Error>, Fault> {
    let attachment = purpose.attachment();
    let router: Option<RouterId> = match attachment {
        PortAttachment::Router(id) => Some(id),
        _ => None,
    };
    let dhcp = (attachment == PortAttachment::Dhcp).then_some(draft.network_id);
    let instance = attachment.instance();
    let order = instance.map(|id| attachment::next_order(change, id)).transpose()?;
    let inserted = change
        .prepare_cached(
            "INSERT INTO ports (id, project_id, network_id, name, mac, security_groups, tag,
                                instance_id, attach_order, made_for_instance, router_id,
                                dhcp_network_id, extra_dhcp_opts, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            Text(id),
            Text(&draft.project_id),
            Text(draft.network_id),
            draft.name,
            Text(mac),
            Json(&draft.security_groups),
            draft.tag,
            instance.map(Text),
            order,
            instance.is_some(),
            router.map(Text),
            dhcp.map(Text),
            Json(&draft.extra_dhcp_opts),
            clock::now(),
        ]);
    Ok(inserted.map(|_| ()))
}
