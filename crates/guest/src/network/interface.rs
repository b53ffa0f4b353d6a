use std::{
    collections::HashSet,
    io,
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage},
    link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage},
};

use super::{Mac, NetworkError, netlink::Netlink};

/// An Ethernet interface of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's name, like `eth0`.
    pub name: String,
    /// The permanent MAC address where there is one, else the one in force.
    pub mac: Mac,
    /// The kernel's number.
    pub index: u32,
}

/// How long a `fe80::` address may take: an interface finds within a second or two that nobody
/// else has it, and one without a cable never does.
const LINK_LOCAL_DEADLINE: Duration = Duration::from_secs(5);
/// How often is looked for it.
const LINK_LOCAL_INTERVAL: Duration = Duration::from_millis(50);

/// The machine's Ethernet interfaces in the kernel's order, without loopback and without those
/// that are made of others (bonds, VLANs, bridges). Of two with one MAC address, one of which
/// is the other's part, the whole is meant.
pub fn interfaces() -> Result<Vec<Interface>, NetworkError> {
    let doing = |source| NetworkError::Kernel { doing: "list interfaces".to_owned(), source };
    let links = Netlink::open().and_then(|mut kernel| links(&mut kernel)).map_err(doing)?;
    let own: Vec<(Interface, bool)> = links.iter().filter_map(own_interface).collect();
    let wholes: HashSet<Mac> =
        own.iter().filter(|(_, is_part)| !is_part).map(|(interface, _)| interface.mac).collect();
    Ok(own
        .into_iter()
        .filter(|(interface, is_part)| !is_part || !wholes.contains(&interface.mac))
        .map(|(interface, _)| interface)
        .collect())
}

/// Brings every Ethernet interface up and waits, for five seconds at most, until each has a
/// `fe80::` address that it can use: what reaching the metadata service needs before anything is
/// configured. Returns the interfaces that have one.
pub fn set_up_link_local() -> Result<Vec<Interface>, NetworkError> {
    let interfaces = interfaces()?;
    let open = |source| NetworkError::Kernel { doing: "reach the kernel".to_owned(), source };
    let mut kernel = Netlink::open().map_err(open)?;
    // One that cannot be up, as one that is being taken away, keeps no other from being it.
    let (mut up, mut failed) = (Vec::new(), None);
    for interface in interfaces {
        match set_up(&mut kernel, interface.index) {
            Ok(()) => up.push(interface),
            Err(source) => {
                let doing = format!("set {} up", interface.name);
                failed.get_or_insert(NetworkError::Kernel { doing, source });
            }
        }
    }
    if let Some(error) = failed.filter(|_| up.is_empty()) {
        return Err(error);
    }
    let deadline = Instant::now() + LINK_LOCAL_DEADLINE;
    loop {
        let doing = |source| NetworkError::Kernel { doing: "list addresses".to_owned(), source };
        let usable = usable_link_local(&mut kernel).map_err(doing)?;
        if up.iter().all(|one| usable.contains(&one.index)) || Instant::now() >= deadline {
            let has_one = |one: &Interface| usable.contains(&one.index);
            return Ok(up.into_iter().filter(has_one).collect());
        }
        thread::sleep(LINK_LOCAL_INTERVAL);
    }
}

pub(super) fn set_up(kernel: &mut Netlink, index: u32) -> io::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    kernel.order(RouteNetlinkMessage::SetLink(link), 0)
}

pub(super) fn links(kernel: &mut Netlink) -> io::Result<Vec<LinkMessage>> {
    let all = kernel.list(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    Ok(all
        .into_iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        })
        .collect())
}

pub(super) fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// With whether it is a part of another interface.
fn own_interface(link: &LinkMessage) -> Option<(Interface, bool)> {
    let is_ethernet = link.header.link_layer_type == LinkLayerType::Ether;
    if !is_ethernet || link.header.flags.contains(LinkFlags::Loopback) {
        return None;
    }
    let (mut in_force, mut permanent, mut is_part) = (None, None, false);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Address(bytes) => in_force = mac_of(bytes),
            LinkAttribute::PermAddress(bytes) => permanent = mac_of(bytes),
            LinkAttribute::Controller(_) => is_part = true,
            LinkAttribute::LinkInfo(infos) if is_made_of_others(infos) => return None,
            _ => {}
        }
    }
    let name = name_of(link)?.to_owned();
    let mac = permanent.or(in_force)?;
    Some((Interface { name, mac, index: link.header.index }, is_part))
}

/// Software interfaces say their kind. The one kind that can be all a machine has is `veth`.
fn is_made_of_others(infos: &[LinkInfo]) -> bool {
    infos.iter().any(|info| matches!(info, LinkInfo::Kind(kind) if *kind != InfoKind::Veth))
}

fn mac_of(bytes: &[u8]) -> Option<Mac> {
    let mac = Mac(bytes.try_into().ok()?);
    (mac != Mac([0; 6])).then_some(mac)
}

fn usable_link_local(kernel: &mut Netlink) -> io::Result<HashSet<u32>> {
    let all = kernel.list(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
    let index_if_usable = |message| match message {
        RouteNetlinkMessage::NewAddress(address) if is_usable_link_local(&address) => {
            Some(address.header.index)
        }
        _ => None,
    };
    Ok(all.into_iter().filter_map(index_if_usable).collect())
}

fn is_usable_link_local(address: &AddressMessage) -> bool {
    let is_waiting = address.header.flags.contains(AddressHeaderFlags::Tentative)
        && !address.header.flags.contains(AddressHeaderFlags::Optimistic);
    let is_refused = |flags: &AddressFlags| flags.contains(AddressFlags::Dadfailed);
    let mut is_link_local = false;
    for attribute in &address.attributes {
        match attribute {
            AddressAttribute::Address(IpAddr::V6(address)) => {
                is_link_local = address.is_unicast_link_local();
            }
            AddressAttribute::Flags(flags) if is_refused(flags) => return false,
            _ => {}
        }
    }
    is_link_local && !is_waiting
}
