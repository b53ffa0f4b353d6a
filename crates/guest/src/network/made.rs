//! Bonds and VLANs, which are made of other interfaces.

use std::io;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        BondMode, BondXmitHashPolicy, InfoBond, InfoData, InfoKind, InfoVlan, LinkAttribute,
        LinkFlags, LinkInfo, LinkMessage,
    },
};

use super::{
    Mac,
    document::BondOptions,
    interface::{links, name_of},
    name::InterfaceName,
    netlink::Netlink,
};

/// What was made of an earlier document is in use, and taking it down is not for us to decide.
const IS_OTHER: &str = "is there with other settings; restart the machine to have these";

/// The bond's number. One that has members stays, with those added that it lacks: only one without
/// can be given another mode.
pub(super) fn bond(
    kernel: &mut Netlink,
    name: &InterfaceName,
    mac: Option<Mac>,
    members: &[InterfaceName],
    options: BondOptions,
) -> Result<u32, String> {
    let data = settings(options)?;
    let mode = data.first().cloned();
    let bond = match bond_with_members(kernel, name)? {
        Some(link) => {
            let has_mode = |data: &InfoData| match data {
                InfoData::Bond(settings) => mode.is_some_and(|mode| settings.contains(&mode)),
                _ => false,
            };
            if !settings_of(&link).is_some_and(has_mode) {
                return Err(IS_OTHER.to_owned());
            }
            link.header.index
        }
        None => {
            let order = made_link(name, mac, InfoKind::Bond, InfoData::Bond(data), None);
            match make(kernel, order.clone()) {
                // The kernel's module makes an empty bond0 of its own when it is loaded, which may
                // be just now.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    bond_with_members(kernel, name)?;
                    make(kernel, order)
                }
                result => result,
            }
            .map_err(|error| not_made(&error))?;
            number(kernel, name)?
        }
    };
    for member in members {
        let Some(link) = any(kernel, member)? else {
            return Err(format!("its member {member} is gone"));
        };
        if !link.attributes.contains(&LinkAttribute::Controller(bond)) {
            add(kernel, link.header.index, bond)
                .map_err(|error| format!("cannot take {member} as its member: {error}"))?;
        }
    }
    Ok(bond)
}

/// The VLAN's number; one that is there stays.
pub(super) fn vlan(
    kernel: &mut Netlink,
    name: &InterfaceName,
    mac: Option<Mac>,
    parent: &InterfaceName,
    vlan_id: u16,
) -> Result<u32, String> {
    let Some(of) = any(kernel, parent)? else {
        return Err(format!("{parent}, which it is of, is not there"));
    };
    if let Some(link) = find(kernel, name, &InfoKind::Vlan)? {
        let is_of_parent = link.attributes.contains(&LinkAttribute::Link(of.header.index));
        let has_id = |data: &InfoData| match data {
            InfoData::Vlan(settings) => settings.contains(&InfoVlan::Id(vlan_id)),
            _ => false,
        };
        return if is_of_parent && settings_of(&link).is_some_and(has_id) {
            Ok(link.header.index)
        } else {
            Err(IS_OTHER.to_owned())
        };
    }
    let data = InfoData::Vlan(vec![InfoVlan::Id(vlan_id)]);
    let order = made_link(name, mac, InfoKind::Vlan, data, Some(of.header.index));
    make(kernel, order).map_err(|error| not_made(&error))?;
    number(kernel, name)
}

/// A bond that is in use. One without members is removed: its settings can only be given to a new
/// one.
fn bond_with_members(
    kernel: &mut Netlink,
    name: &InterfaceName,
) -> Result<Option<LinkMessage>, String> {
    let Some(link) = find(kernel, name, &InfoKind::Bond)? else { return Ok(None) };
    let bond = link.header.index;
    let is_member = LinkAttribute::Controller(bond);
    if all(kernel)?.iter().any(|link| link.attributes.contains(&is_member)) {
        return Ok(Some(link));
    }
    let mut empty = LinkMessage::default();
    empty.header.index = bond;
    kernel
        .order(RouteNetlinkMessage::DelLink(empty), 0)
        .map_err(|error| format!("without members cannot be removed: {error}"))?;
    Ok(None)
}

fn find(
    kernel: &mut Netlink,
    name: &InterfaceName,
    kind: &InfoKind,
) -> Result<Option<LinkMessage>, String> {
    let Some(link) = any(kernel, name)? else { return Ok(None) };
    let is_it = link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(kind.clone())),
        _ => false,
    });
    if is_it { Ok(Some(link)) } else { Err("an interface of another kind has its name".to_owned()) }
}

fn settings_of(link: &LinkMessage) -> Option<&InfoData> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.iter().find_map(|info| match info {
            LinkInfo::Data(data) => Some(data),
            _ => None,
        }),
        _ => None,
    })
}

fn any(kernel: &mut Netlink, name: &InterfaceName) -> Result<Option<LinkMessage>, String> {
    Ok(all(kernel)?.into_iter().find(|link| name_of(link) == Some(name.as_str())))
}

fn all(kernel: &mut Netlink) -> Result<Vec<LinkMessage>, String> {
    links(kernel).map_err(|error| format!("cannot list interfaces: {error}"))
}

fn number(kernel: &mut Netlink, name: &InterfaceName) -> Result<u32, String> {
    let link = any(kernel, name)?.ok_or_else(|| "was made and is gone again".to_owned())?;
    Ok(link.header.index)
}

fn made_link(
    name: &InterfaceName,
    mac: Option<Mac>,
    kind: InfoKind,
    data: InfoData,
    of: Option<u32>,
) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(name.to_string()));
    link.attributes.extend(of.map(LinkAttribute::Link));
    link.attributes.extend(mac.map(|mac| LinkAttribute::Address(mac.0.to_vec())));
    let info = vec![LinkInfo::Kind(kind), LinkInfo::Data(data)];
    link.attributes.push(LinkAttribute::LinkInfo(info));
    link
}

fn make(kernel: &mut Netlink, link: LinkMessage) -> io::Result<()> {
    kernel.order(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
}

fn not_made(error: &io::Error) -> String {
    format!("cannot be made: {error}; is its kernel module in the image?")
}

/// The kernel takes no member that is up.
fn add(kernel: &mut Netlink, member: u32, bond: u32) -> io::Result<()> {
    let mut down = LinkMessage::default();
    down.header.index = member;
    down.header.change_mask = LinkFlags::Up;
    kernel.order(RouteNetlinkMessage::SetLink(down), 0)?;
    let mut taken = LinkMessage::default();
    taken.header.index = member;
    taken.attributes.push(LinkAttribute::Controller(bond));
    kernel.order(RouteNetlinkMessage::SetLink(taken), 0)
}

fn settings(options: BondOptions) -> Result<Vec<InfoBond>, String> {
    let unknown = |_| "has a setting that this program cannot tell the kernel".to_owned();
    let mode: BondMode = options.mode.parse().map_err(unknown)?;
    let mut settings = vec![InfoBond::Mode(mode), InfoBond::MiiMon(options.mii_monitor)];
    if let Some(policy) = options.transmit_hash_policy {
        let policy: BondXmitHashPolicy = policy.parse().map_err(unknown)?;
        settings.push(InfoBond::XmitHashPolicy(policy));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::document;

    #[test]
    fn every_setting_that_a_document_may_have_can_be_told() {
        for mode in document::BOND_MODES {
            for policy in document::TRANSMIT_HASH_POLICIES {
                let transmit_hash_policy = Some(policy);
                let options = BondOptions { mode, mii_monitor: 100, transmit_hash_policy };
                assert_eq!(settings(options).expect("settings").len(), 3, "{mode} {policy}");
            }
        }
    }
}
