//! Being told that something has changed in the kernel.

use std::{
    collections::BTreeSet,
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use innkeeper_model::PortId;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_sys::{
    Socket, SocketAddr,
    protocols::{NETLINK_NETFILTER, NETLINK_ROUTE},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use tokio::sync::Notify;

use super::{
    conversation::split_first,
    link::{Link, LinkEvent},
    receive::receive,
};
use crate::{HostError, marks};

// linux/rtnetlink.h
const LINKS: u32 = 1;
const IPV4_ADDRESSES: u32 = 5;
const IPV6_ADDRESSES: u32 = 9;
const IPV4_SETTINGS: u32 = 24;
const IPV6_SETTINGS: u32 = 25;
/// NFNLGRP_NFTABLES (linux/netfilter/nfnetlink.h).
const RULES: u32 = 7;
/// The family of a link's message, which is its first byte, if a bridge tells of a port.
const AF_BRIDGE: u8 = 7;
const NETLINK_HEADER_BYTES: usize = 16;
/// Bytes of one message at most.
const READ_BYTES: usize = 64 * 1024;
/// How long the thread lives at most after nobody wants to be told any more, in seconds.
const LINGER_SECONDS: i64 = 1;

/// What a socket tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Links that a machine may be plugged in by: those on a bridge that are no port of ours. Of our
    /// own there are thousands, which nobody need look at when we make them.
    Taps,
    /// Links here, and whatever is told of other namespaces.
    Networks,
}

/// What has changed. It is a reason to look there, never what is there: an event may be lost.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// More has than the kernel kept: it may be anything.
    pub(crate) everything: bool,
    /// Namespaces in which something has, by the kernel's numbers for them.
    pub(crate) namespaces: BTreeSet<i32>,
    /// Links of the watcher's namespace that have, by name.
    pub(crate) links: BTreeSet<String>,
    /// Of these, the ports whose marks they carry: a link that was renamed is told of by its new name
    /// alone.
    pub(crate) ports: BTreeSet<PortId>,
}

/// Tells of changes.
#[derive(Debug)]
pub(crate) struct Watch {
    told: Arc<Told>,
}

#[derive(Debug, Default)]
struct Told {
    changed: Notify,
    news: Mutex<News>,
    unwanted: AtomicBool,
    ended: AtomicBool,
}

impl Watch {
    /// Watches the links of the calling thread's namespace that a machine may be plugged in by.
    pub(crate) fn taps() -> Result<Self, HostError> {
        Self::start(vec![(subscribe(NETLINK_ROUTE, &[LINKS], false)?, Subject::Taps)])
    }

    /// Watches the links of the calling thread's namespace, and links, addresses, rules and
    /// forwarding of the namespaces that are linked with it: all that a host role makes are, but for
    /// those of routers without interfaces. Needs CAP_NET_BROADCAST.
    pub(crate) fn networks() -> Result<Self, HostError> {
        let route = [LINKS, IPV4_ADDRESSES, IPV6_ADDRESSES, IPV4_SETTINGS, IPV6_SETTINGS];
        let route = subscribe(NETLINK_ROUTE, &route, true)?;
        let rules = subscribe(NETLINK_NETFILTER, &[RULES], true)?;
        Self::start(vec![(route, Subject::Networks), (rules, Subject::Networks)])
    }

    /// Returns once something has changed since it last did.
    pub(crate) async fn changed(&self) {
        self.told.changed.notified().await;
    }

    /// Whether it hears of nothing any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.told.ended.load(Ordering::Relaxed)
    }

    /// What has changed since this was last asked.
    pub(crate) fn take(&self) -> News {
        std::mem::take(&mut *self.told.news())
    }

    fn start(sockets: Vec<(Socket, Subject)>) -> Result<Self, HostError> {
        let told = Arc::new(Told::default());
        let telling = Arc::clone(&told);
        let listen = move || {
            let mut buffer = vec![0; READ_BYTES];
            while !telling.unwanted.load(Ordering::Relaxed) {
                if let Err(error) = hear(&sockets, &mut buffer, &telling) {
                    tracing::warn!(%error, "changes are not heard of any more; everything is looked at now and then all the same");
                    telling.ended.store(true, Ordering::Relaxed);
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("host-watch".to_owned())
            .spawn(listen)
            .map_err(|error| HostError::system("start a thread", error))?;
        Ok(Self { told })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.told.unwanted.store(true, Ordering::Relaxed);
    }
}

impl Told {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subscribe(protocol: isize, groups: &[u32], everywhere: bool) -> Result<Socket, HostError> {
    let subscribed = || -> io::Result<Socket> {
        let mut socket = Socket::new(protocol)?;
        socket.bind(&SocketAddr::new(0, 0))?;
        socket.set_listen_all_namespaces(everywhere)?;
        for group in groups {
            socket.add_membership(*group)?;
        }
        socket.set_non_blocking(true)?;
        Ok(socket)
    };
    subscribed().map_err(|error| HostError::system("watch the kernel's changes", error))
}

/// Waits a while for something to happen, takes all that has, and tells of it.
fn hear(sockets: &[(Socket, Subject)], buffer: &mut [u8], told: &Told) -> io::Result<()> {
    let at_most = Timespec { tv_sec: LINGER_SECONDS, tv_nsec: 0 };
    let mut waited: Vec<_> =
        sockets.iter().map(|(socket, _)| PollFd::new(socket, PollFlags::IN)).collect();
    match poll(&mut waited, Some(&at_most)) {
        Ok(0) | Err(Errno::INTR) => return Ok(()),
        polled => polled?,
    };
    let ready: Vec<bool> = waited.iter().map(|one| !one.revents().is_empty()).collect();
    let mut matters = false;
    for ((socket, subject), _) in sockets.iter().zip(ready).filter(|(_, ready)| *ready) {
        matters |= take_all(socket.as_fd(), *subject, buffer, told)?;
    }
    if matters {
        told.changed.notify_one();
    }
    Ok(())
}

/// Whether any of it matters.
fn take_all(
    socket: BorrowedFd<'_>,
    subject: Subject,
    buffer: &mut [u8],
    told: &Told,
) -> io::Result<bool> {
    let (mut matters, mut lost) = (false, false);
    loop {
        match receive(socket, buffer) {
            Ok(received) => {
                let messages = buffer.get(..received.bytes).unwrap_or_default();
                matters |= match (subject, received.namespace) {
                    (Subject::Taps, _) => links(messages).any(|link| may_be_a_tap(&link)),
                    (Subject::Networks, Some(namespace)) => {
                        told.news().namespaces.insert(namespace);
                        true
                    }
                    (Subject::Networks, None) => {
                        let links: Vec<Link> = links(messages).collect();
                        let any = !links.is_empty();
                        let mut news = told.news();
                        news.ports
                            .extend(links.iter().filter_map(|link| marks::port_of(&link.alias)));
                        news.links.extend(links.into_iter().map(|link| link.name));
                        any
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Only now, since the kernel goes on dropping, and does not say so again, until
                // everything that it kept is read.
                told.news().everything |= lost;
                return Ok(matters || lost);
            }
            // More happened than the kernel kept: reason enough to look.
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => lost = true,
            Err(error) => return Err(error),
        }
    }
}

/// The links that messages are about.
fn links(mut messages: &[u8]) -> impl Iterator<Item = Link> {
    std::iter::from_fn(move || {
        while let Some((message, behind)) = split_first(messages) {
            messages = behind;
            // A bridge says of each port once more what the link itself says, without its alias.
            if message.get(NETLINK_HEADER_BYTES) == Some(&AF_BRIDGE) {
                continue;
            }
            let Ok(message) = NetlinkMessage::<LinkEvent>::deserialize(message) else { continue };
            if let NetlinkPayload::InnerMessage(LinkEvent(Some(link))) = message.payload {
                return Some(link);
            }
        }
        None
    })
}

fn may_be_a_tap(link: &Link) -> bool {
    (link.controller.is_some() || marks::tap_of(&link.alias).is_some())
        && marks::port_of(&link.alias).is_none()
}
