//! Accept loops. Nothing but their `stop` ends them.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Connections, Handler, Slot};
use crate::{
    limits::{BACKLOG, TLS_HANDSHAKE_TIMEOUT},
    unix_socket::{PeerPolicy, UnixPeer},
};

/// How long accepting pauses after an error such as too many open files: long enough not to spin,
/// short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts and serves TCP connections, with TLS if `tls` is given, until `stop` is cancelled. The
/// connections then still finish what they began: see [`Connections::drain`].
pub async fn serve_tcp<H: Handler<SocketAddr>>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: Connections,
    handler: Arc<H>,
    stop: CancellationToken,
) {
    let mut queue = Queue::new(&connections, &stop);
    while let Some(((stream, peer), slot)) = queue.next(|| listener.accept()).await {
        // Only speed depends on it.
        let _ = stream.set_nodelay(true);
        let (connections, handler) = (connections.clone(), Arc::clone(&handler));
        let (tls, stop) = (tls.clone(), stop.clone());
        tokio::spawn(async move {
            match tls {
                None => {
                    connections
                        .serve_in(slot, (stream, BytesMut::new()), peer, handler, stop)
                        .await;
                }
                Some(tls) => {
                    if let Some(stream) = handshake(&tls, stream, peer).await {
                        connections
                            .serve_in(slot, (stream, BytesMut::new()), peer, handler, stop)
                            .await;
                    }
                }
            }
        });
    }
}

/// Accepts and serves connections of a Unix socket until `stop` is cancelled. A peer that `policy`
/// does not admit is closed unanswered, with a line in the log.
pub async fn serve_unix<H: Handler<UnixPeer>>(
    listener: UnixListener,
    policy: PeerPolicy,
    connections: Connections,
    handler: Arc<H>,
    stop: CancellationToken,
) {
    let mut queue = Queue::new(&connections, &stop);
    while let Some(((stream, _unnamed), slot)) = queue.next(|| listener.accept()).await {
        let Some(peer) = admitted(&policy, &stream) else { continue };
        let (connections, handler) = (connections.clone(), Arc::clone(&handler));
        let stop = stop.clone();
        tokio::spawn(async move {
            connections.serve_in(slot, (stream, BytesMut::new()), peer, handler, stop).await;
        });
    }
}

/// What a listener hands out.
struct Queue<'a> {
    connections: &'a Connections,
    stop: &'a CancellationToken,
    /// How many more are taken after the stop: those that the kernel had accepted before it would
    /// otherwise be reset without an answer.
    left_after_stop: i32,
}

impl<'a> Queue<'a> {
    fn new(connections: &'a Connections, stop: &'a CancellationToken) -> Self {
        Self { connections, stop, left_after_stop: BACKLOG }
    }

    /// The next connection, with the slot to serve it in; nothing once stopped. While no slot is
    /// free it holds one connection and the others wait in the kernel.
    async fn next<T, F: Future<Output = io::Result<T>>>(
        &mut self,
        accept: impl Fn() -> F,
    ) -> Option<(T, Slot)> {
        loop {
            if self.stop.is_cancelled() {
                self.left_after_stop -= 1;
                if self.left_after_stop < 0 {
                    return None;
                }
            }
            let accepted = tokio::select! {
                biased;
                accepted = accept() => accepted,
                () = self.stop.cancelled() => return None,
            };
            match accepted {
                Ok(connection) => return Some((connection, self.connections.slot().await)),
                // The peer gave up while it waited: nothing is wrong here.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted; accepting goes on");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn handshake(
    tls: &TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    match timeout(TLS_HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::info!(%peer, %error, "a TLS handshake failed"),
        Err(_elapsed) => tracing::info!(%peer, "a TLS handshake took too long"),
    }
    None
}

fn admitted(policy: &PeerPolicy, stream: &UnixStream) -> Option<UnixPeer> {
    match UnixPeer::of(stream) {
        Ok(peer) if policy.admits(&peer) => return Some(peer),
        Ok(peer) => tracing::warn!(
            uid = peer.uid,
            gid = peer.gid,
            "closed a connection of a user who may not use this socket; add the user to the \
             socket's group, or name it in the configuration"
        ),
        Err(error) => {
            tracing::warn!(%error, "closed a connection whose user the kernel did not name");
        }
    }
    None
}
