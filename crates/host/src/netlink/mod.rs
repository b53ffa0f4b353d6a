//! Links and addresses of one namespace, over one netlink socket.
//!
//! The socket belongs to the namespace of the thread that opened it, whichever thread uses it
//! later. Calls wait for the kernel's answer: this role has threads of its own to wait on.

mod attributes;
mod conversation;
mod link;
mod receive;
mod watch;

use std::{
    fmt::Display,
    io,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
    sync::{Mutex, PoisonError},
};

use innkeeper_model::MacAddress;
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope},
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkExtentMask, LinkInfo, LinkMessage},
    nsid::{NsidAttribute, NsidMessage},
};
use netlink_sys::protocols::NETLINK_ROUTE;

use self::link::guest_proof_bridge;
pub(crate) use self::{
    attributes::{ATTRIBUTE_HEADER_BYTES, Attributes},
    conversation::Conversation,
    link::{Link, LinkAnswer, LinkChange, LinkKind},
    watch::{News, Watch},
};
use crate::HostError;

/// The group of bridges made here: what tells one that was made and not yet marked.
pub(crate) const OUR_GROUP: u32 = u32::from_be_bytes(*b"innk");

/// A conversation with the kernel about one namespace.
#[derive(Debug)]
pub(crate) struct Netlink {
    conversation: Mutex<Conversation>,
}

/// The group that links are put into to be removed together. Others' links are in group 0, unless
/// somebody chose a number, which will hardly be this one.
const DOOMED: u32 = u32::from_be_bytes(*b"innd");

/// An address on a link, with what is needed to remove it.
#[derive(Debug, Clone)]
pub(crate) struct LinkAddress {
    /// The link's index.
    pub(crate) link: u32,
    pub(crate) address: IpNet,
    /// Given by a person or program, not by the kernel on its own.
    pub(crate) permanent: bool,
    /// Another interface of the same network has it: the kernel does not use it.
    pub(crate) duplicate: bool,
    message: AddressMessage,
}

/// A veth pair to be made.
#[derive(Debug)]
pub(crate) struct NewVeth<'a> {
    pub(crate) outside: &'a str,
    pub(crate) inside: &'a str,
    pub(crate) inside_mac: MacAddress,
    pub(crate) mtu: Option<u32>,
    pub(crate) alias: String,
    pub(crate) namespace: BorrowedFd<'a>,
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace.
    pub(crate) fn open() -> Result<Self, HostError> {
        let opened = Conversation::open(NETLINK_ROUTE)
            .map_err(|error| HostError::system("open a netlink socket", error))?;
        Ok(Self { conversation: Mutex::new(opened) })
    }

    /// Every link of the namespace.
    pub(crate) fn links(&self) -> Result<Vec<Link>, HostError> {
        let question = RouteNetlinkMessage::GetLink(without_statistics());
        let answers: Vec<LinkAnswer> = self.talk("list links", |kernel| kernel.list(question))?;
        Ok(answers.into_iter().filter_map(|answer| answer.0).collect())
    }

    /// The link of this name.
    pub(crate) fn link(&self, name: &str) -> Result<Option<Link>, HostError> {
        let mut question = without_statistics();
        question.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let asked = self.lock().get(RouteNetlinkMessage::GetLink(question));
        match asked {
            Err(error) if no_such_link(&error) => Ok(None),
            Err(error) => Err(HostError::system(format_args!("look up link {name}"), error)),
            Ok(answer) => Ok(answer.and_then(|LinkAnswer(link)| link)),
        }
    }

    /// The number by which this namespace knows another one, if it does: it has one as soon as a link
    /// leads there, and keeps it.
    pub(crate) fn number_of(&self, namespace: BorrowedFd<'_>) -> Result<Option<i32>, HostError> {
        let mut question = NsidMessage::default();
        let fd = u32::try_from(namespace.as_raw_fd()).unwrap_or_default();
        question.attributes.push(NsidAttribute::Fd(fd));
        let answer: Option<RouteNetlinkMessage> = self
            .talk("ask for a namespace's number", |kernel| {
                kernel.get(RouteNetlinkMessage::GetNsId(question))
            })?;
        let Some(RouteNetlinkMessage::NewNsId(found)) = answer else { return Ok(None) };
        let number = found.attributes.iter().find_map(|attribute| match attribute {
            NsidAttribute::Id(number) => Some(*number),
            _ => None,
        });
        Ok(number.filter(|number| *number >= 0))
    }

    /// Makes a bridge with this alias, down.
    pub(crate) fn add_bridge(&self, name: &str, alias: &str) -> Result<(), HostError> {
        let mut bridge = LinkMessage::default();
        bridge.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Group(OUR_GROUP),
            LinkAttribute::LinkInfo(guest_proof_bridge()),
        ];
        self.add_link(format_args!("make bridge {name}"), bridge)?;
        // The kernel takes a group with a new link, and no alias.
        self.change(&LinkChange::named(name).alias(alias))
    }

    /// Has an existing bridge work as those made here do.
    pub(crate) fn guest_proof(&self, bridge: &Link) -> Result<(), HostError> {
        let mut message = LinkMessage::default();
        message.header.index = bridge.index;
        message.attributes = vec![LinkAttribute::LinkInfo(guest_proof_bridge())];
        // The kernel changes what is particular to a kind of link by this order alone.
        let order = RouteNetlinkMessage::NewLink(message);
        self.talk(format_args!("set up bridge {}", bridge.name), |kernel| kernel.order(order, 0))
    }

    /// Makes a veth pair, one end in this namespace and one in another; both down, and both with
    /// the alias.
    pub(crate) fn add_veth(&self, veth: &NewVeth<'_>) -> Result<(), HostError> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(veth.inside.to_owned()),
            LinkAttribute::Address(veth.inside_mac.bytes().to_vec()),
            LinkAttribute::NetNsFd(veth.namespace.as_raw_fd()),
        ];
        peer.attributes.extend(veth.mtu.map(LinkAttribute::Mtu));
        let mut pair = LinkMessage::default();
        pair.attributes = vec![
            LinkAttribute::IfName(veth.outside.to_owned()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        pair.attributes.extend(veth.mtu.map(LinkAttribute::Mtu));
        self.add_link(
            format_args!("make the link pair {} and {}", veth.outside, veth.inside),
            pair,
        )?;
        self.change(&LinkChange::named(veth.outside).alias(&veth.alias))
    }

    /// Changes an existing link.
    pub(crate) fn change(&self, change: &LinkChange) -> Result<(), HostError> {
        let order = RouteNetlinkMessage::SetLink(change.message());
        self.talk(format_args!("set up link {}", change.name()), |kernel| kernel.order(order, 0))
    }

    /// Removes a link; one that is gone already is fine.
    pub(crate) fn remove_link(&self, link: &Link) -> Result<(), HostError> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        match self.lock().order(RouteNetlinkMessage::DelLink(message), 0) {
            Err(error) if !no_such_link(&error) => {
                Err(HostError::system(format_args!("remove link {}", link.name), error))
            }
            _ => Ok(()),
        }
    }

    /// Removes many links at once: one by one the kernel waits for every processor after each of them,
    /// which takes tens of milliseconds. Whatever is not removed so is left for [`Self::remove_link`].
    pub(crate) fn remove_links(&self, links: &[&Link]) -> Result<(), HostError> {
        if self.links()?.iter().any(|link| link.group == DOOMED) {
            // Of somebody else's, or left by a run that ended between marking and removing.
            return Ok(());
        }
        for link in links {
            match self.change(&LinkChange::of(link).group(DOOMED)) {
                // One that is gone needs no removal.
                Err(_) if self.link(&link.name)?.is_none_or(|now| now.index != link.index) => {}
                changed => changed?,
            }
        }
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::Group(DOOMED));
        let order = RouteNetlinkMessage::DelLink(message);
        self.talk("remove links", |kernel| kernel.order(order, 0))
    }

    /// Sets the mark on `lo` and brings it up.
    pub(crate) fn mark_and_raise_loopback(&self, mark: &str) -> Result<(), HostError> {
        self.change(&LinkChange::named("lo").alias(mark).up())
    }

    /// The addresses of every link of the namespace.
    pub(crate) fn addresses(&self) -> Result<Vec<LinkAddress>, HostError> {
        let question = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let answers = self.talk("list addresses", |kernel| kernel.list(question))?;
        let read = |answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => LinkAddress::read(message),
            _ => None,
        };
        Ok(answers.into_iter().filter_map(read).collect())
    }

    /// Adds an address to a link.
    pub(crate) fn add_address(&self, link: &Link, address: IpNet) -> Result<(), HostError> {
        let mut message = AddressMessage::default();
        message.header.index = link.index;
        message.header.prefix_len = address.prefix_len();
        message.header.family = match address {
            IpNet::V4(_) => AddressFamily::Inet,
            IpNet::V6(_) => AddressFamily::Inet6,
        };
        message.header.scope = AddressScope::Universe;
        message.attributes = vec![
            AddressAttribute::Local(address.addr()),
            AddressAttribute::Address(address.addr()),
        ];
        if let IpNet::V4(range) = address
            && range.prefix_len() < 31
        {
            message.attributes.push(AddressAttribute::Broadcast(range.broadcast()));
        }
        let order = RouteNetlinkMessage::NewAddress(message);
        self.talk(format_args!("add address {address} to {}", link.name), |kernel| {
            kernel.order(order, NLM_F_CREATE | NLM_F_EXCL)
        })
    }

    /// Removes an address from a link.
    pub(crate) fn remove_address(
        &self,
        link: &Link,
        address: &LinkAddress,
    ) -> Result<(), HostError> {
        let order = RouteNetlinkMessage::DelAddress(address.message.clone());
        let doing = format_args!("remove address {} from {}", address.address, link.name);
        self.talk(doing, |kernel| kernel.order(order, 0))
    }

    fn add_link(&self, doing: impl Display, link: LinkMessage) -> Result<(), HostError> {
        let order = RouteNetlinkMessage::NewLink(link);
        self.talk(doing, |kernel| kernel.order(order, NLM_F_CREATE | NLM_F_EXCL))
    }

    fn talk<T>(
        &self,
        doing: impl Display,
        what: impl FnOnce(&mut Conversation) -> io::Result<T>,
    ) -> Result<T, HostError> {
        what(&mut self.lock()).map_err(|error| HostError::system(doing, error))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LinkAddress {
    fn read(message: AddressMessage) -> Option<Self> {
        let mut address: Option<IpAddr> = None;
        for attribute in &message.attributes {
            match attribute {
                // Local is the link's own where the link is point to point.
                AddressAttribute::Local(local) => address = Some(*local),
                AddressAttribute::Address(own) if address.is_none() => address = Some(*own),
                _ => {}
            }
        }
        let address = IpNet::new(address?, message.header.prefix_len).ok()?;
        let header = message.header.flags;
        Some(Self {
            link: message.header.index,
            address,
            permanent: header.contains(AddressHeaderFlags::Permanent),
            duplicate: header.contains(AddressHeaderFlags::Dadfailed),
            message,
        })
    }
}

/// A question for links. Their counters, which nobody here reads, are most of what the kernel says.
fn without_statistics() -> LinkMessage {
    let mut question = LinkMessage::default();
    question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    question
}

fn no_such_link(error: &io::Error) -> bool {
    // ENODEV
    error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}
