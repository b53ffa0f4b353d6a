//! A connection with patience of a definite length.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use crate::limits::{LINGER, WRITE_TIMEOUT};

/// Wraps a connection: a peer that takes no bytes for the write timeout is cut, and a connection
/// that is closed is first read empty for a moment, because closing over unread bytes resets it
/// and the peer may lose the answer it was just sent. A peer that said itself that its request was
/// its last is to send nothing more: unless it has, it is closed at once, which spares a wake-up and
/// a wait for each connection of who asks once, as cloud-init does.
pub(super) struct PatientIo<'a, Io> {
    io: Io,
    has_asked_all: &'a AtomicBool,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<'a, Io> PatientIo<'a, Io> {
    /// `has_asked_all` becomes true once the peer's last request was read to its end.
    pub(super) fn new(io: Io, has_asked_all: &'a AtomicBool) -> Self {
        let write_timeout = WRITE_TIMEOUT;
        Self { io, has_asked_all, write_timeout, stalled: None, lingering: None }
    }

    /// Passes progress on; turns a standstill of the write timeout into an error.
    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.write_timeout;
        let timer =
            self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer took no bytes of its answer in time",
        )))
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for PatientIo<'_, Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PatientIo<'_, Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let shut = Pin::new(&mut self.io).poll_shutdown(cx);
            ready!(self.watched(cx, shut))?;
            if self.has_asked_all.load(Ordering::Relaxed) && !self.has_more_come(cx) {
                return Poll::Ready(Ok(()));
            }
            self.lingering = Some(Box::pin(sleep_until(Instant::now() + LINGER)));
        }
        self.poll_linger(cx)
    }
}

impl<Io: AsyncRead + Unpin> PatientIo<'_, Io> {
    fn has_more_come(&mut self, cx: &mut Context<'_>) -> bool {
        let mut scratch = [0; 64];
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = Pin::new(&mut self.io).poll_read(cx, &mut buffer);
        matches!(read, Poll::Ready(Ok(()))) && !buffer.filled().is_empty()
    }

    /// Reads and forgets until the peer closes too or the moment is over.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        loop {
            if self.lingering.as_mut().is_none_or(|timer| timer.as_mut().poll(cx).is_ready()) {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    static NOT_ALL: AtomicBool = AtomicBool::new(false);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_cut() {
        let (near, _far) = duplex(8);
        let mut io = PatientIo::new(near, &NOT_ALL);
        let error = io.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_some_is_not() {
        let (near, mut far) = duplex(8);
        let mut io = PatientIo::new(near, &NOT_ALL);
        let reader = tokio::spawn(async move {
            let mut taken = Vec::new();
            let mut one = [0; 1];
            while far.read(&mut one).await.unwrap() > 0 {
                taken.push(one[0]);
                tokio::time::sleep(WRITE_TIMEOUT / 2).await;
            }
            taken.len()
        });
        io.write_all(&[7; 64]).await.unwrap();
        drop(io);
        assert_eq!(reader.await.unwrap(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_waits_for_the_peer_but_not_for_ever() {
        let (near, far) = duplex(8);
        let begun = Instant::now();
        PatientIo::new(near, &NOT_ALL).shutdown().await.unwrap();
        assert_eq!(begun.elapsed().as_millis(), LINGER.as_millis());
        drop(far);
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_more_after_its_last_request_is_read_empty() {
        let (near, mut far) = duplex(256);
        far.write_all(&[b'x'; 200]).await.unwrap();
        let begun = Instant::now();
        let all = AtomicBool::new(true);
        let mut io = PatientIo::new(near, &all);
        io.shutdown().await.unwrap();
        assert_eq!(begun.elapsed().as_millis(), LINGER.as_millis());
        drop(io);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_asked_all_is_closed_at_once() {
        let (near, far) = duplex(8);
        let begun = Instant::now();
        let all = AtomicBool::new(true);
        PatientIo::new(near, &all).shutdown().await.unwrap();
        assert!(begun.elapsed().is_zero());
        drop(far);
    }
}
