//! A network's DHCP port: one per network, with an address in each subnet that has DHCP.

use innkeeper_model::{Network, NetworkId, NewPort, PortAttachment, PortId, Subnet};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    addresses::{self, Place},
    change::Change,
    column::Text,
    port,
    port_create::{self, Purpose},
    tried::Tried,
};

/// The DHCP port of a network, if it has one.
pub(crate) fn find(connection: &Connection, network: NetworkId) -> Tried<Option<PortId>> {
    let found = connection
        .prepare_cached("SELECT id FROM ports WHERE dhcp_network_id = ?1")?
        .query_row([Text(network)], |row| row.get::<_, Text<PortId>>(0))
        .optional()?;
    Ok(found.map(|id| id.0))
}

/// Gives the DHCP port an address in `subnet`, and makes the port if it is the first.
pub(crate) fn serve(change: &mut Change<'_>, network: &Network, subnet: &Subnet) -> Tried<()> {
    let id = match find(change, network.id)? {
        Some(id) => id,
        None => {
            let mut draft = NewPort::on(network.project_id.clone(), network.id);
            draft.fixed_ips = Some(Vec::new());
            draft.security_groups.clear();
            port_create::create(change, &draft, network, Purpose::Ours(PortAttachment::Dhcp))?
        }
    };
    let port = port::fetch(change, id)?;
    let place = Place { network: network.id, port: id, mac: port.mac_address };
    addresses::add_lowest(change, place, subnet, port.fixed_ips.len())?;
    change.touch_topology();
    Ok(())
}

/// Takes the DHCP port's address in `subnet` away, and the port if that was its last.
pub(crate) fn withdraw(change: &mut Change<'_>, subnet: &Subnet) -> Tried<()> {
    let Some(id) = find(change, subnet.network_id)? else { return Ok(()) };
    change
        .prepare_cached("DELETE FROM fixed_ips WHERE port_id = ?1 AND subnet_id = ?2")?
        .execute([Text(id.to_string()), Text(subnet.id.to_string())])?;
    let left =
        change.prepare_cached("SELECT 1 FROM fixed_ips WHERE port_id = ?1")?.exists([Text(id)])?;
    if !left {
        port::remove(change, id)?;
    }
    change.touch_topology();
    Ok(())
}
