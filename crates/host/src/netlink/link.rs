//! What the kernel says of a link, and what it is told.

use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

/// The bit of 01:80:c2:00:00:0e in a bridge's mask of groups that it forwards.
const LLDP_GROUP: u16 = 1 << 0xe;

/// A network interface as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) kind: LinkKind,
    pub(crate) alias: String,
    pub(crate) group: u32,
    /// The bridge it is plugged into.
    pub(crate) controller: Option<u32>,
    pub(crate) mtu: u32,
    pub(crate) mac: Vec<u8>,
    pub(crate) up: bool,
    /// The index of a veth's other end, in whichever namespace that is.
    pub(crate) peer: Option<u32>,
    /// Of a bridge: whether it works as those made here do.
    pub(crate) guest_proof: bool,
}

/// The kinds of link that matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LinkKind {
    Bridge,
    Veth,
    #[default]
    Other,
}

/// What is to be changed of a link.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkChange {
    index: u32,
    name: String,
    up: bool,
    attributes: Vec<LinkAttribute>,
}

impl LinkChange {
    /// Nothing yet, of this link.
    pub(crate) fn of(link: &Link) -> Self {
        Self { index: link.index, name: link.name.clone(), ..Self::default() }
    }

    /// Nothing yet, of whichever link has this name.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn up(mut self) -> Self {
        self.up = true;
        self
    }

    pub(crate) fn alias(self, alias: &str) -> Self {
        self.with(LinkAttribute::IfAlias(alias.to_owned()))
    }

    pub(crate) fn mac(self, mac: [u8; 6]) -> Self {
        self.with(LinkAttribute::Address(mac.to_vec()))
    }

    pub(crate) fn mtu(self, mtu: u32) -> Self {
        self.with(LinkAttribute::Mtu(mtu))
    }

    /// Plugs it into a bridge.
    pub(crate) fn controller(self, bridge: u32) -> Self {
        self.with(LinkAttribute::Controller(bridge))
    }

    fn with(mut self, attribute: LinkAttribute) -> Self {
        self.attributes.push(attribute);
        self
    }

    pub(super) fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = self.index;
        message.attributes.clone_from(&self.attributes);
        if self.index == 0 {
            message.attributes.push(LinkAttribute::IfName(self.name.clone()));
        }
        if self.up {
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
        }
        message
    }
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
                LinkAttribute::Group(group) => link.group = group,
                LinkAttribute::Controller(index) => link.controller = Some(index),
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(mac) => link.mac = mac,
                LinkAttribute::Link(index) => link.peer = Some(index),
                LinkAttribute::LinkInfo(infos) => {
                    link.kind = kind(&infos);
                    link.guest_proof = is_guest_proof(&infos);
                }
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

/// How a bridge works that guests cannot turn against each other.
///
/// Of a frame to the address of LLDP, a bridge learns the sender before it asks any rule, and hands
/// it to this machine's own network stack: a guest would get what is meant for its neighbour by
/// sending one in its name. Forwarded, such a frame goes the way of all others. With the spanning
/// tree protocol that is so for one more address. A bridge that listens for who wants which
/// multicasts can be told by a guest that nobody wants neighbour discovery any more.
pub(super) fn guest_proof_bridge() -> Vec<LinkInfo> {
    let settings = guest_proof_settings().to_vec();
    vec![LinkInfo::Kind(InfoKind::Bridge), LinkInfo::Data(InfoData::Bridge(settings))]
}

fn guest_proof_settings() -> [InfoBridge; 3] {
    [
        InfoBridge::GroupFwdMask(LLDP_GROUP),
        InfoBridge::StpState(BridgeStpState::Disabled),
        InfoBridge::MulticastSnooping(false),
    ]
}

fn is_guest_proof(infos: &[LinkInfo]) -> bool {
    infos.iter().any(|info| match info {
        LinkInfo::Data(InfoData::Bridge(found)) => {
            guest_proof_settings().iter().all(|wanted| match wanted {
                // Kernels without it have nothing to turn off.
                InfoBridge::MulticastSnooping(_) => {
                    !found.contains(&InfoBridge::MulticastSnooping(true))
                }
                wanted => found.contains(wanted),
            })
        }
        _ => false,
    })
}
