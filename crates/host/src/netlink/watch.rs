//! Being told when links of this machine come, go or change.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use tokio::sync::Notify;

use crate::HostError;

/// RTNLGRP_LINK (linux/rtnetlink.h).
const LINKS: u32 = 1;
/// Bytes of one message at most.
const READ_BYTES: usize = 64 * 1024;
/// How long the thread lives at most after nobody wants to be told any more, in seconds.
const LINGER_SECONDS: i64 = 1;

/// What is told here is a reason to look, never what is there: an event may be lost.
#[derive(Debug)]
pub(crate) struct LinkWatch {
    changed: Arc<Notify>,
    unwanted: Arc<AtomicBool>,
}

impl LinkWatch {
    /// Watches the namespace of the calling thread, on a thread of its own.
    pub(crate) fn start() -> Result<Self, HostError> {
        let failed = |error| HostError::system("watch links", error);
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(failed)?;
        socket.bind(&SocketAddr::new(0, 0)).map_err(failed)?;
        socket.add_membership(LINKS).map_err(failed)?;
        socket.set_non_blocking(true).map_err(failed)?;
        let watch = Self { changed: Arc::default(), unwanted: Arc::default() };
        let (changed, unwanted) = (Arc::clone(&watch.changed), Arc::clone(&watch.unwanted));
        let listen = move || {
            while !unwanted.load(Ordering::Relaxed) {
                match hear(&socket) {
                    Ok(false) => {}
                    Ok(true) => changed.notify_one(),
                    Err(error) => {
                        tracing::warn!(%error, "links are not watched any more; they are looked at every second all the same");
                        return;
                    }
                }
            }
        };
        thread::Builder::new().name("host-links".to_owned()).spawn(listen).map_err(failed)?;
        Ok(watch)
    }

    /// Returns once links have changed since it last did.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for LinkWatch {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }
}

/// Waits a while for something to happen, and takes all that has, unread.
fn hear(socket: &Socket) -> io::Result<bool> {
    let at_most = Timespec { tv_sec: LINGER_SECONDS, tv_nsec: 0 };
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&at_most)) {
        Ok(0) | Err(Errno::INTR) => return Ok(false),
        polled => polled?,
    };
    let mut bytes = Vec::with_capacity(READ_BYTES);
    loop {
        bytes.clear();
        match socket.recv(&mut bytes, 0) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            // More happened than the kernel kept: reason enough to look.
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
}
