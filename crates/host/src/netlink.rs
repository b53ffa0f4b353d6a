//! Links and addresses of one namespace, over one netlink socket.
//!
//! The socket belongs to the namespace of the thread that opened it, whichever thread uses it
//! later. Calls wait for the kernel's answer: this role has threads of its own to wait on.

use std::{
    future::Future,
    io,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use futures_util::TryStreamExt;
use innkeeper_model::MacAddress;
use ipnet::IpNet;
use rtnetlink::{
    Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth,
    packet_route::{
        address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
        link::{InfoData, InfoVeth, LinkMessage},
    },
};
use tokio::runtime::{Builder, Runtime};

use crate::{HostError, link::Link};

/// A conversation with the kernel about one namespace.
#[derive(Debug)]
pub(crate) struct Netlink {
    runtime: Runtime,
    handle: Handle,
}

/// An address on a link, with what is needed to remove it.
#[derive(Debug, Clone)]
pub(crate) struct LinkAddress {
    pub(crate) address: IpNet,
    /// Given by a person or program, not by the kernel on its own.
    pub(crate) permanent: bool,
    message: AddressMessage,
}

/// A veth pair to be made.
#[derive(Debug)]
pub(crate) struct NewVeth<'a> {
    pub(crate) outside: &'a str,
    pub(crate) inside: &'a str,
    pub(crate) inside_mac: MacAddress,
    pub(crate) namespace: BorrowedFd<'a>,
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace.
    pub(crate) fn open() -> Result<Self, HostError> {
        let failed = |error| HostError::system("open a netlink socket", error);
        let runtime = Builder::new_current_thread().enable_io().build().map_err(failed)?;
        let handle = {
            let _reactor = runtime.enter();
            let (connection, handle, _) = rtnetlink::new_connection().map_err(failed)?;
            runtime.spawn(connection);
            handle
        };
        Ok(Self { runtime, handle })
    }

    /// Every link of the namespace.
    pub(crate) fn links(&self) -> Result<Vec<Link>, HostError> {
        let links = self.handle.link().get().execute().map_ok(Link::from).try_collect();
        self.ask("list links", links)
    }

    /// The link of this name.
    pub(crate) fn link(&self, name: &str) -> Result<Option<Link>, HostError> {
        let mut found = self.handle.link().get().match_name(name).execute();
        match self.runtime.block_on(found.try_next()).map_err(as_io) {
            Err(error) if no_such_link(&error) => Ok(None),
            Err(error) => Err(HostError::system(format_args!("look up link {name}"), error)),
            Ok(link) => Ok(link.map(Link::from)),
        }
    }

    /// Makes a bridge, down.
    pub(crate) fn add_bridge(&self, name: &str) -> Result<(), HostError> {
        let bridge = LinkMessageBuilder::<LinkBridge>::new(name).build();
        self.ask(format_args!("make bridge {name}"), self.handle.link().add(bridge).execute())
    }

    /// Makes a veth pair, one end in this namespace and one in another; both down.
    pub(crate) fn add_veth(&self, veth: &NewVeth<'_>) -> Result<(), HostError> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(veth.inside)
            .address(veth.inside_mac.bytes().to_vec())
            .setns_by_fd(veth.namespace.as_raw_fd())
            .build();
        let pair = LinkMessageBuilder::<LinkVeth>::new(veth.outside, veth.inside)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        let doing = format_args!("make the link pair {} and {}", veth.outside, veth.inside);
        self.ask(doing, self.handle.link().add(pair).execute())
    }

    /// Changes an existing link.
    pub(crate) fn change(&self, name: &str, change: LinkMessage) -> Result<(), HostError> {
        let change = self.handle.link().change(change).execute();
        self.ask(format_args!("set up link {name}"), change)
    }

    /// Removes a link; one that is gone already is fine.
    pub(crate) fn remove_link(&self, link: &Link) -> Result<(), HostError> {
        match self.runtime.block_on(self.handle.link().del(link.index).execute()).map_err(as_io) {
            Err(error) if !no_such_link(&error) => {
                Err(HostError::system(format_args!("remove link {}", link.name), error))
            }
            _ => Ok(()),
        }
    }

    /// Sets the mark on `lo` and brings it up.
    pub(crate) fn mark_and_raise_loopback(&self, mark: &str) -> Result<(), HostError> {
        let change = LinkUnspec::new_with_index(LOOPBACK_INDEX).alias(mark).up().build();
        self.change("lo", change)
    }

    /// The addresses of a link.
    pub(crate) fn addresses(&self, link: &Link) -> Result<Vec<LinkAddress>, HostError> {
        let all: Vec<AddressMessage> = self.ask(
            format_args!("list the addresses of {}", link.name),
            self.handle.address().get().execute().try_collect(),
        )?;
        let of_link = all.into_iter().filter(|message| message.header.index == link.index);
        Ok(of_link.filter_map(LinkAddress::read).collect())
    }

    /// Adds an address to a link.
    pub(crate) fn add_address(&self, link: &Link, address: IpNet) -> Result<(), HostError> {
        let add =
            self.handle.address().add(link.index, address.addr(), address.prefix_len()).execute();
        self.ask(format_args!("add address {address} to {}", link.name), add)
    }

    /// Removes an address from a link.
    pub(crate) fn remove_address(
        &self,
        link: &Link,
        address: &LinkAddress,
    ) -> Result<(), HostError> {
        let remove = self.handle.address().del(address.message.clone()).execute();
        self.ask(format_args!("remove address {} from {}", address.address, link.name), remove)
    }

    fn ask<T>(
        &self,
        doing: impl std::fmt::Display,
        answer: impl Future<Output = Result<T, rtnetlink::Error>>,
    ) -> Result<T, HostError> {
        self.runtime.block_on(answer).map_err(|error| HostError::system(doing, as_io(error)))
    }
}

/// `lo` is the first link of every namespace.
const LOOPBACK_INDEX: u32 = 1;

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
        let permanent = message.header.flags.contains(AddressHeaderFlags::Permanent);
        Some(Self { address, permanent, message })
    }
}

fn no_such_link(error: &io::Error) -> bool {
    // ENODEV
    error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

fn as_io(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}
