//! What the kernel says of a link, and what it is told.

use std::convert::Infallible;

use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader};
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::Attributes;

// linux/rtnetlink.h, linux/if.h, linux/if_link.h
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const HEADER_BYTES: usize = 16;
const IFF_UP: u32 = 1;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_BR_STP_STATE: u16 = 5;
const IFLA_BR_GROUP_FWD_MASK: u16 = 9;
const IFLA_BR_MCAST_SNOOPING: u16 = 23;
const IFLA_GROUP: u16 = 27;
/// The bit of 01:80:c2:00:00:0e in a bridge's mask of groups that it forwards.
const LLDP_GROUP: u16 = 1 << 0xe;
const IFLA_IFALIAS: u16 = 20;

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
    /// The group that it is in; 0 unless somebody chose another.
    pub(crate) group: u32,
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

    pub(crate) fn group(self, group: u32) -> Self {
        self.with(LinkAttribute::Group(group))
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

/// A link, read out of the kernel's answer to a question for links.
///
/// Only what matters here is looked at: of thousands of links all the rest would be many megabytes
/// at once, over and over.
#[derive(Debug)]
pub(crate) struct LinkAnswer(pub(crate) Option<Link>);

impl NetlinkDeserializable for LinkAnswer {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        let is_link = header.message_type == RTM_NEWLINK;
        Ok(Self(if is_link { Link::read(payload) } else { None }))
    }
}

/// A link that has changed or is gone, read out of what the kernel tells of its own accord.
#[derive(Debug)]
pub(super) struct LinkEvent(pub(super) Option<Link>);

impl NetlinkDeserializable for LinkEvent {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        let is_link = matches!(header.message_type, RTM_NEWLINK | RTM_DELLINK);
        Ok(Self(if is_link { Link::read(payload) } else { None }))
    }
}

impl Link {
    /// Reads a `struct ifinfomsg` with its attributes (linux/rtnetlink.h, linux/if_link.h).
    fn read(payload: &[u8]) -> Option<Self> {
        let (header, attributes) = payload.split_first_chunk::<HEADER_BYTES>()?;
        let (_family_and_type, header) = header.split_first_chunk::<4>()?;
        let (index, header) = header.split_first_chunk::<4>()?;
        let flags = u32::from_ne_bytes(*header.first_chunk()?);
        let mut link =
            Self { index: u32::from_ne_bytes(*index), up: flags & IFF_UP != 0, ..Self::default() };
        for (kind, content) in Attributes::of(attributes) {
            match kind {
                IFLA_IFNAME => link.name = text(content),
                IFLA_IFALIAS => link.alias = text(content),
                IFLA_MASTER => link.controller = number(content),
                IFLA_MTU => link.mtu = number(content)?,
                IFLA_ADDRESS => link.mac = content.to_vec(),
                IFLA_LINK => link.peer = number(content),
                IFLA_GROUP => link.group = number(content)?,
                IFLA_LINKINFO => {
                    link.kind = LinkKind::read(content);
                    link.guest_proof = link.kind == LinkKind::Bridge && is_guest_proof(content);
                }
                _ => {}
            }
        }
        Some(link)
    }
}

impl LinkKind {
    fn read(info: &[u8]) -> Self {
        match Attributes::of(info).find(IFLA_INFO_KIND).map(text).as_deref() {
            Some("bridge") => Self::Bridge,
            Some("veth") => Self::Veth,
            _ => Self::Other,
        }
    }
}

fn text(content: &[u8]) -> String {
    String::from_utf8_lossy(content.strip_suffix(&[0]).unwrap_or(content)).into_owned()
}

fn number(content: &[u8]) -> Option<u32> {
    content.try_into().ok().map(u32::from_ne_bytes)
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

fn is_guest_proof(info: &[u8]) -> bool {
    let data = Attributes::of(info).find(IFLA_INFO_DATA).unwrap_or_default();
    let find = |kind| Attributes::of(data).find(kind);
    find(IFLA_BR_GROUP_FWD_MASK) == Some(&LLDP_GROUP.to_ne_bytes())
        && find(IFLA_BR_STP_STATE) == Some(&0_u32.to_ne_bytes())
        // Kernels without it have nothing to turn off.
        && find(IFLA_BR_MCAST_SNOOPING).is_none_or(|on| on == [0])
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Emitable as _;

    use super::*;

    #[test]
    fn what_matters_of_a_link_is_read() {
        let mut message = LinkMessage::default();
        message.header.index = 7;
        message.header.flags = LinkFlags::Up | LinkFlags::Broadcast;
        message.attributes = vec![
            LinkAttribute::IfName("tap1".to_owned()),
            LinkAttribute::TxQueueLen(1000),
            LinkAttribute::IfAlias("somebody's".to_owned()),
            LinkAttribute::Mtu(1400),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
            LinkAttribute::Controller(3),
            LinkAttribute::Group(5),
            LinkAttribute::Link(9),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)]),
        ];
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        let link = Link {
            index: 7,
            name: "tap1".to_owned(),
            kind: LinkKind::Veth,
            alias: "somebody's".to_owned(),
            controller: Some(3),
            mtu: 1400,
            mac: vec![2, 0, 0, 0, 0, 1],
            up: true,
            group: 5,
            guest_proof: false,
            peer: Some(9),
        };
        let mut header = NetlinkHeader::default();
        header.message_type = RTM_NEWLINK;
        let read = |header: &NetlinkHeader, bytes: &[u8]| {
            let Ok(LinkAnswer(link)) = LinkAnswer::deserialize(header, bytes);
            link
        };
        assert_eq!(read(&header, &bytes), Some(link));
        assert_eq!(read(&header, &bytes[..HEADER_BYTES - 1]), None);
        header.message_type += 1;
        assert_eq!(read(&header, &bytes), None);
    }
}
