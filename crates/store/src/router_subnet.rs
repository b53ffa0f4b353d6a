//! Attaching subnets to routers.

use std::net::IpAddr;

use innkeeper_model::{
    Invalid, NewPort, Port, PortAttachment, PortId, Router, RouterId, Subnet, SubnetId,
};
use rusqlite::{OptionalExtension as _, params};

use crate::{
    Store, StoreError,
    addresses::{self, Place},
    change::Change,
    column::Text,
    network, port,
    port_create::{self, Purpose},
    router, subnet,
    tried::{Fault, Tried, duplicate_column},
};

const FIELD: &str = "subnet_id";

impl Store {
    /// Attaches a subnet to a router: makes the router's port, which takes the gateway address.
    pub async fn router_add_subnet(
        &self,
        router: RouterId,
        subnet: SubnetId,
    ) -> Result<Port, StoreError> {
        self.write(move |change| add(change, router, subnet)).await
    }

    /// Detaches a subnet from a router and deletes the router's port there.
    pub async fn router_remove_subnet(
        &self,
        router: RouterId,
        subnet: SubnetId,
    ) -> Result<(), StoreError> {
        self.write(move |change| remove(change, router, subnet)).await
    }
}

fn add(change: &mut Change<'_>, router: RouterId, subnet: SubnetId) -> Tried<Port> {
    let router = router::fetch(change, router)?;
    let subnet = subnet::fetch(change, subnet)?;
    if router.project_id != subnet.project_id {
        let reason = format!(
            "subnet {} belongs to project {}, router {} to {}",
            subnet.id, subnet.project_id, router.id, router.project_id
        );
        return Err(Invalid::new(FIELD, reason).into());
    }
    let Some(gateway) = subnet.gateway_ip else {
        let reason = format!(
            "subnet {} ({}) has no gateway for the router to be: make it with one",
            subnet.name, subnet.id
        );
        return Err(StoreError::conflict(FIELD, reason).into());
    };
    check_neighbours(change, &router, &subnet)?;
    let port = make_port(change, &router, &subnet, gateway)?;
    let inserted = change.execute(
        "INSERT INTO router_subnets (subnet_id, router_id, port_id) VALUES (?1, ?2, ?3)",
        params![Text(subnet.id), Text(router.id), Text(port)],
    );
    match inserted {
        Ok(_) => {}
        Err(error) if duplicate_column(&error).is_some() => return Err(on_another(&subnet).into()),
        Err(error) => return Err(error.into()),
    }
    change.touch_topology();
    port::fetch(change, port)
}

/// One router routes an address to one place.
fn check_neighbours(change: &Change<'_>, router: &Router, subnet: &Subnet) -> Tried<()> {
    let mut statement = change.prepare_cached(
        "SELECT s.* FROM router_subnets r JOIN subnets s ON s.id = r.subnet_id
         WHERE r.router_id = ?1",
    )?;
    for other in statement.query_map([Text(router.id)], subnet::read)? {
        let other = other?;
        if other.id == subnet.id {
            return Err(on_another(subnet).into());
        }
        if subnet::overlap(&other.cidr, &subnet.cidr) {
            let reason = format!(
                "{} overlaps {} of subnet {} ({}), which router {} has already: use another router",
                subnet.cidr, other.cidr, other.name, other.id, router.name
            );
            return Err(StoreError::conflict(FIELD, reason).into());
        }
    }
    Ok(())
}

fn make_port(
    change: &mut Change<'_>,
    router: &Router,
    subnet: &Subnet,
    gateway: IpAddr,
) -> Tried<PortId> {
    let network = network::fetch(change, subnet.network_id)?;
    let mut draft = NewPort::on(network.project_id.clone(), network.id);
    draft.fixed_ips = Some(Vec::new());
    draft.security_groups.clear();
    let attachment = PortAttachment::Router(router.id);
    let id = port_create::create(change, &draft, &network, Purpose::Ours(attachment))?;
    let mac = port::fetch(change, id)?.mac_address;
    let place = Place { network: network.id, port: id, mac };
    match addresses::insert(change, place, subnet, gateway, 0) {
        // Only a router's port can hold a gateway address.
        Err(Fault::Refused(StoreError::Conflict { .. })) => Err(on_another(subnet).into()),
        other => other.map(|()| id),
    }
}

fn on_another(subnet: &Subnet) -> StoreError {
    let reason = format!(
        "subnet {} ({}) is on a router already: remove it from that one first",
        subnet.name, subnet.id
    );
    StoreError::conflict(FIELD, reason)
}

fn remove(change: &mut Change<'_>, router: RouterId, subnet: SubnetId) -> Tried<()> {
    router::fetch(change, router)?;
    let port: Option<Text<PortId>> = change
        .prepare_cached(
            "SELECT port_id FROM router_subnets WHERE router_id = ?1 AND subnet_id = ?2",
        )?
        .query_row(params![Text(router), Text(subnet)], |row| row.get(0))
        .optional()?;
    let Some(port) = port else {
        return Err(
            Invalid::new(FIELD, format!("router {router} does not have subnet {subnet}")).into()
        );
    };
    change.execute("DELETE FROM router_subnets WHERE subnet_id = ?1", [Text(subnet)])?;
    port::remove(change, port.0)?;
    change.touch_topology();
    Ok(())
}
