//! The connections of one role: how many at once, each until its end.

use std::{
    convert::Infallible,
    fmt,
    future::pending,
    net::TcpStream,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

use super::{
    Handler,
    answer::answer,
    at_once::OnlyRequest,
    patient_io::PatientIo,
    plain::{Conversation, Outcome},
    rewound::Rewound,
};
use crate::{
    Reason,
    limits::{
        BODIES_BYTES_MAX, DRAIN, FIRST_REQUEST_GRACE, HEAD_BYTES_MAX, HEAD_TIMEOUT, HEADERS_MAX,
    },
};

/// The connections of one role: it counts them, lets no more than a maximum be served at once, and
/// can wait for all of them to end. Clones are the same connections.
#[derive(Clone)]
pub struct Connections {
    max: usize,
    slots: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    tracker: TaskTracker,
    cut: CancellationToken,
}

/// The right to serve one connection.
#[derive(Debug)]
pub struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
    _token: TaskTrackerToken,
}

impl Connections {
    /// No connection yet, and never more than `max` at once.
    pub fn new(max: usize) -> Self {
        Self {
            max,
            slots: Arc::new(Semaphore::new(max)),
            bodies: Arc::new(Semaphore::new(BODIES_BYTES_MAX)),
            tracker: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Waits until one more connection may be served. An accept loop that asks before it accepts
    /// the next connection leaves those beyond the maximum to wait in the kernel.
    pub async fn slot(&self) -> Slot {
        // The semaphore is never closed; were it, serving would be better than hanging.
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok();
        Slot { _permit: permit, _token: self.tracker.token() }
    }

    /// How many connections are being served.
    pub fn open(&self) -> usize {
        self.max - self.slots.available_permits()
    }

    /// Serves one connection until it ends, waiting for a slot first. When `stop` is cancelled it
    /// finishes the request at hand and closes. Neither an error nor a panic leaves it.
    pub async fn serve<Io, P, H>(&self, io: Io, peer: P, handler: Arc<H>, stop: CancellationToken)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        P: Send + Sync + 'static,
        H: Handler<P>,
    {
        let slot = self.slot().await;
        self.serve_in(slot, (io, BytesMut::new()), peer, handler, stop).await;
    }

    /// As [`Connections::serve`], in a slot obtained before; some of the connection was read already.
    pub async fn serve_in<Io, P, H>(
        &self,
        slot: Slot,
        (io, read): (Io, BytesMut),
        peer: P,
        handler: Arc<H>,
        stop: CancellationToken,
    ) where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        P: Send + Sync + 'static,
        H: Handler<P>,
    {
        // On the heap: what it is wrapped in holds it several times, and is copied before it runs.
        let served = Box::pin(self.converse(io, read, peer, handler, stop));
        let guarded = AssertUnwindSafe(self.cut.run_until_cancelled(served)).catch_unwind();
        if guarded.await.is_err() {
            tracing::error!("serving a connection panicked; the connection is closed");
        }
        drop(slot);
    }

    /// Has the only request of a connection answered on `stream`, which must not block, in a slot
    /// that must be held until the connection is closed. What is to be sent yet is given back, to be
    /// [sent](Connections::send_rest_in) in the same slot: it may be nothing, where more has come
    /// than the request.
    pub async fn answer_in<P, H: Handler<P>>(
        &self,
        _slot: &Slot,
        (stream, only): (&TcpStream, OnlyRequest),
        peer: &P,
        handler: &H,
    ) -> Option<Bytes> {
        // On the heap: what it is wrapped in holds it several times, and is copied before it runs.
        let answered = Box::pin(only.answer(stream, peer, handler));
        self.cut.run_until_cancelled(answered).await.flatten()
    }

    /// Sends the rest of an answer and closes as any other connection is closed, in a slot obtained
    /// before.
    pub async fn send_rest_in<Io>(&self, slot: Slot, io: Io, mut rest: Bytes)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
    {
        // Who is sent here has sent more, or had the time to.
        let nothing_follows = AtomicBool::new(false);
        let mut io = PatientIo::new(io, &nothing_follows);
        let sent = async {
            io.write_all_buf(&mut rest).await?;
            io.shutdown().await
        };
        if let Some(Err(error)) = self.cut.run_until_cancelled(sent).await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(io);
        drop(slot);
    }

    /// Waits until every connection has ended, at most `patience`; says whether they did. Those
    /// that did not are cut. Cancel their `stop` first, or they have no reason to end.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.tracker.close();
        let drained = timeout(patience, self.tracker.wait()).await.is_ok();
        if !drained {
            tracing::warn!(open = self.open(), "connections did not end in time and are cut");
            self.cut.cancel();
        }
        drained
    }

    async fn converse<Io, P, H>(
        &self,
        io: Io,
        read: BytesMut,
        peer: P,
        handler: Arc<H>,
        stop: CancellationToken,
    ) where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        P: Send + Sync + 'static,
        H: Handler<P>,
    {
        let asked = Asked::default();
        let mut plainly = Conversation {
            io: PatientIo::new(io, &asked.all),
            read,
            handler: &*handler,
            peer: &peer,
            asked: &asked,
        };
        if let Outcome::Unusual(deadline) = plainly.run(&stop).await {
            let Conversation { io, read, .. } = plainly;
            let io = Rewound::new(read.freeze(), io);
            // On the heap: it is large, and few connections need it.
            let serving = self.converse_at_length(io, &peer, &*handler, (&asked, deadline), stop);
            Box::pin(serving).await;
        }
    }

    /// Serves whatever HTTP/1 has. The first head must be whole by the deadline.
    async fn converse_at_length<Io, P, H>(
        &self,
        io: Io,
        peer: &P,
        handler: &H,
        (asked, deadline): (&Asked, Instant),
        stop: CancellationToken,
    ) where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
        P: Send + Sync + 'static,
        H: Handler<P>,
    {
        let is_whole = AtomicBool::new(false);
        // The protocol gives the head its full time, of which a part is over.
        let too_late = async {
            sleep_until(deadline).await;
            if is_whole.load(Ordering::Relaxed) {
                pending::<()>().await;
            }
        };
        let service = service_fn(|request| {
            asked.any.store(true, Ordering::Relaxed);
            is_whole.store(true, Ordering::Relaxed);
            async move {
                Ok::<_, Infallible>(answer(handler, peer, &self.bodies, &asked.all, request).await)
            }
        });
        let mut connection = pin!(protocol().serve_connection(TokioIo::new(io), service));
        let ended = tokio::select! {
            // What has come already is answered, though the role stops.
            biased;
            ended = &mut connection => ended,
            () = too_late => return,
            () = stop.cancelled() => {
                // A request may be on its way on a connection that was only just accepted.
                if !asked.any.load(Ordering::Relaxed)
                    && let Ok(ended) = timeout(FIRST_REQUEST_GRACE, &mut connection).await
                {
                    return note_end(ended, handler, peer);
                }
                connection.as_mut().graceful_shutdown();
                match timeout(DRAIN, connection).await {
                    Ok(ended) => ended,
                    Err(_elapsed) => return,
                }
            }
        };
        note_end(ended, handler, peer);
    }
}

/// What a peer has asked so far.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Whether it has asked anything.
    pub(super) any: AtomicBool,
    /// Whether it has said that nothing follows, and nothing of what it asked is unread.
    pub(super) all: AtomicBool,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("max", &self.max).field("open", &self.open()).finish()
    }
}

fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .half_close(true)
        .keep_alive(true)
        .auto_date_header(false);
    protocol
}

/// How connections end is their peers' affair: worth a line only to who looks for it. What was no
/// HTTP has been answered by the protocol, but is counted as any refusal.
fn note_end<P, H: Handler<P>>(ended: hyper::Result<()>, handler: &H, peer: &P) {
    if let Err(error) = ended {
        if error.is_parse() || error.is_parse_too_large() {
            drop(handler.refuse(peer, Reason::BadRequest));
        }
        tracing::debug!(%error, "a connection ended early");
    }
}
