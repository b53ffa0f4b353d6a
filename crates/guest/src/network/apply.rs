//! The plan put in force on the running machine.

use std::{collections::HashMap, io, net::IpAddr, path::Path};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{LinkAttribute, LinkMessage},
    route::{
        RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
    },
};

use super::{
    NetworkError, Plan,
    interface::{links, name_of, set_up},
    made,
    netlink::Netlink,
    plan::{Device, DeviceKind, PlannedRoute},
    prefix::Prefix,
    resolver,
};

pub(super) fn apply(plan: &Plan, resolv_conf: &Path) -> Result<Vec<String>, NetworkError> {
    let doing = |source| NetworkError::Kernel { doing: "list interfaces".to_owned(), source };
    let mut kernel = Netlink::open().map_err(doing)?;
    let mtus: HashMap<String, u32> = links(&mut kernel)
        .map_err(doing)?
        .iter()
        .filter_map(|link| Some((name_of(link)?.to_owned(), mtu_of(link)?)))
        .collect();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    // What others are made of comes first in a plan.
    for device in &plan.devices {
        let index = match &device.kind {
            DeviceKind::Present { bond: Some(bond), .. } => {
                done.push(format!("{}: of the bond {bond}", device.name));
                continue;
            }
            DeviceKind::Present { index, .. } => Ok(*index),
            DeviceKind::Bond { mac, members, options } => {
                made::bond(&mut kernel, &device.name, *mac, members, *options)
                    .map_err(|error| format!("bond {}: {error}", device.name))
            }
            DeviceKind::Vlan { mac, parent, vlan_id } => {
                made::vlan(&mut kernel, &device.name, *mac, parent, *vlan_id)
                    .map_err(|error| format!("VLAN {}: {error}", device.name))
            }
        };
        match index {
            Ok(index) => {
                let mtu = mtus.get(device.name.as_str()).copied();
                let in_force = configure(&mut kernel, device, index, mtu, &mut failed);
                done.push(format!("{}: {}", device.name, in_force.join(", ")));
            }
            Err(error) => failed.push(error),
        }
    }
    // Where no address comes from the document, DHCP tells the servers.
    if plan.devices.iter().any(|device| !device.addresses.is_empty()) {
        match resolver::tell(resolv_conf, &plan.servers) {
            Ok(said) => done.extend(said),
            Err(error) => failed.push(error.to_string()),
        }
    }
    if failed.is_empty() { Ok(done) } else { Err(NetworkError::PartlyApplied { done, failed }) }
}

/// Returns what is in force; what is not goes to `failed`.
fn configure(
    kernel: &mut Netlink,
    device: &Device,
    index: u32,
    mtu: Option<u32>,
    failed: &mut Vec<String>,
) -> Vec<String> {
    let mut in_force = Vec::new();
    let mut note = |said: String, result: io::Result<()>| match result {
        Ok(()) => in_force.push(said),
        Err(error) => failed.push(format!("{}: cannot set {said}: {error}", device.name)),
    };
    if let Some(wanted) = device.mtu {
        let result = if mtu == Some(wanted) { Ok(()) } else { set_mtu(kernel, index, wanted) };
        note(format!("MTU {wanted}"), result);
    }
    note("up".to_owned(), set_up(kernel, index));
    for prefix in &device.addresses {
        note(prefix.to_string(), set_address(kernel, index, *prefix));
    }
    for route in &device.routes {
        note(route.in_words(), set_route(kernel, index, route));
    }
    in_force.extend(device.left_to_others().map(|what| format!("{what} left to the system")));
    in_force
}

fn set_mtu(kernel: &mut Netlink, index: u32, mtu: u32) -> io::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.attributes.push(LinkAttribute::Mtu(mtu));
    kernel.order(RouteNetlinkMessage::SetLink(link), 0)
}

fn set_address(kernel: &mut Netlink, index: u32, prefix: Prefix) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = family_of(prefix.address());
    message.header.prefix_len = prefix.length();
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(prefix.address()));
    message.attributes.push(AddressAttribute::Address(prefix.address()));
    message.attributes.extend(prefix.broadcast().map(AddressAttribute::Broadcast));
    kernel.order(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
}

fn set_route(kernel: &mut Netlink, index: u32, route: &PlannedRoute) -> io::Result<()> {
    let mut message = RouteMessage::default();
    message.header.address_family = family_of(route.gateway);
    message.header.destination_prefix_length = route.destination.length();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    if route.is_on_link {
        message.header.flags = RouteFlags::Onlink;
    }
    if !route.destination.is_everything() {
        let destination = route.destination.address().into();
        message.attributes.push(RouteAttribute::Destination(destination));
    }
    message.attributes.push(RouteAttribute::Gateway(route.gateway.into()));
    message.attributes.push(RouteAttribute::Oif(index));
    message.attributes.extend(route.metric.map(RouteAttribute::Priority));
    kernel.order(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
}

fn family_of(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn mtu_of(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    })
}
