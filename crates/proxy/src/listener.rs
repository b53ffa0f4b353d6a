//! A socket that listens in a namespace, of a runtime.
//!
//! Not the runtime's own kind: what that accepts it has the runtime wait for at once, which most
//! connections do not need.
#![allow(unsafe_code, reason = "an option of sockets, and a promise that tokio cannot check")]

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
};

use libc::{IPPROTO_TCP, TCP_DEFER_ACCEPT, c_int, setsockopt, socklen_t};

use rustix::net::{SocketFlags, acceptfrom_with};
use tokio::io::{Interest, unix::AsyncFd};

/// How long the kernel keeps a connection on which nothing has come, in seconds: then it is accepted
/// and served, counted and in the end closed as any other.
const DEFER_SECONDS: c_int = 1;

/// A listening socket that can be waited for.
#[derive(Debug)]
pub(crate) struct Listener(AsyncFd<TcpListener>);

impl Listener {
    /// Lets the calling runtime wait for the connections of `listener`, which must not block.
    pub(crate) fn attend(listener: TcpListener) -> io::Result<Self> {
        // Only speed depends on it.
        let _ = defer(&listener);
        // SAFETY: a listener owns its descriptor, gives always the same, and is dropped with this.
        let attended = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
        Ok(Self(attended?))
    }

    /// The next connection, which does not block.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let mut ready = self.0.readable().await?;
            let accepted = ready.try_io(|listener| {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let (stream, peer) = acceptfrom_with(listener.get_ref(), flags)?;
                let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
                Ok((TcpStream::from(stream), SocketAddr::try_from(peer)?))
            });
            if let Ok(accepted) = accepted {
                return accepted;
            }
        }
    }
}

/// Has connections wait in the kernel for their first bytes: one that is accepted earlier than what
/// it asks has come has to be waited for once more.
fn defer(listener: &TcpListener) -> io::Result<()> {
    let seconds = DEFER_SECONDS;
    let length = socklen_t::try_from(size_of_val(&seconds)).map_err(io::Error::other)?;
    // SAFETY: the value is there for as long as the call takes, and as long as is said.
    let outcome = unsafe {
        setsockopt(
            listener.as_raw_fd(),
            IPPROTO_TCP,
            TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
