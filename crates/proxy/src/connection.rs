//! A guest's connection, cut without ceremony once its namespace is abandoned.

use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// A connection that keeps nothing in the kernel when it is dropped after `abandoned`: unsent
/// bytes and the closing handshake would keep its socket, and the socket the namespace, for
/// minutes after the guest's link is gone.
#[derive(Debug)]
pub(crate) struct GuestConnection {
    stream: TcpStream,
    abandoned: CancellationToken,
}

impl GuestConnection {
    pub(crate) fn new(stream: TcpStream, abandoned: CancellationToken) -> Self {
        Self { stream, abandoned }
    }
}

impl Drop for GuestConnection {
    fn drop(&mut self) {
        if self.abandoned.is_cancelled() {
            reset(&self.stream);
        }
    }
}

/// Cuts a connection that the runtime does not know of, as [`GuestConnection`] does, if the namespace
/// has been abandoned when this is dropped.
#[derive(Debug)]
pub(crate) struct CutIfAbandoned<'a> {
    stream: &'a std::net::TcpStream,
    abandoned: &'a CancellationToken,
}

impl<'a> CutIfAbandoned<'a> {
    pub(crate) fn new(stream: &'a std::net::TcpStream, abandoned: &'a CancellationToken) -> Self {
        Self { stream, abandoned }
    }
}

impl Drop for CutIfAbandoned<'_> {
    fn drop(&mut self) {
        if self.abandoned.is_cancelled() {
            reset(self.stream);
        }
    }
}

/// Has a connection that is about to be dropped end as if nobody had listened.
pub(crate) fn reset(stream: &impl AsFd) {
    // Fails only on a socket that holds nothing any more.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

impl AsyncRead for GuestConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for GuestConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
