//! What the kernel says of a link.

use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};

/// A network interface as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) kind: LinkKind,
    pub(crate) alias: String,
    /// The bridge it is plugged into.
    pub(crate) controller: Option<u32>,
    pub(crate) mtu: u32,
    pub(crate) mac: Vec<u8>,
    pub(crate) up: bool,
    /// The index of a veth's other end, in whichever namespace that is.
    pub(crate) peer: Option<u32>,
}

/// The kinds of link that matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LinkKind {
    Bridge,
    Veth,
    #[default]
    Other,
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            up: message.header.flags.contains(LinkFlags::Up),
            ..Self::default()
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::IfAlias(alias) => link.alias = alias,
                LinkAttribute::Controller(index) => link.controller = Some(index),
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(mac) => link.mac = mac,
                LinkAttribute::Link(index) => link.peer = Some(index),
                LinkAttribute::LinkInfo(infos) => link.kind = kind(&infos),
                _ => {}
            }
        }
        link
    }
}

fn kind(infos: &[LinkInfo]) -> LinkKind {
    for info in infos {
        match info {
            LinkInfo::Kind(InfoKind::Bridge) => return LinkKind::Bridge,
            LinkInfo::Kind(InfoKind::Veth) => return LinkKind::Veth,
            _ => {}
        }
    }
    LinkKind::Other
}
