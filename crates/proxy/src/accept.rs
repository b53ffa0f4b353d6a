//! The accept loop of one listener.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use innkeeper_model::Origin;
use innkeeper_wire::{
    NextHop,
    limits::BACKLOG,
    server::{self, AtOnce, Connections, Slot},
};
use socket2::SockRef;
use tokio::{
    task::consume_budget,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::GuestConnection,
    crowd::Crowd,
    error::limit_to_raise,
    gate::{Gate, ROOM_POLL},
    handler::Guest,
    identify::Identifier,
    listener::Listener,
    service::Service,
};

/// How long accepting pauses after an error such as too many open files: long enough not to spin,
/// short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the connections of `listener` until its namespace is abandoned or `stop` is cancelled.
/// After a stop, those that the kernel has accepted already are still served.
pub(crate) async fn serve<N: NextHop<Origin>>(
    listener: Listener,
    gate: Gate,
    service: Arc<Service<N>>,
    stop: CancellationToken,
) {
    let abandoned = gate.abandoned.clone();
    let all = serve_all(&listener, &gate, &service, &stop);
    let _ = abandoned.run_until_cancelled(all).await;
}

async fn serve_all<N: NextHop<Origin>>(
    listener: &Listener,
    gate: &Gate,
    service: &Arc<Service<N>>,
    stop: &CancellationToken,
) {
    let mut left_after_stop = BACKLOG;
    let mut failing = false;
    while left_after_stop > 0 {
        if stop.is_cancelled() {
            left_after_stop -= 1;
        }
        // Whoever is answered at once has not been waited for: the others have their turn.
        consume_budget().await;
        let Some(room) = until(stop, gate.room(&service.crowd)).await.flatten() else { return };
        let Some(accepted) = until(stop, listener.accept()).await else { return };
        failing = failing && accepted.is_err();
        match accepted {
            Ok((stream, _)) if !is_meant_for_us(&stream, gate) => {
                service.misdirected.inc();
                reset(&stream);
            }
            Ok((stream, peer)) => {
                let outcome = answer_at_once(&stream, peer, gate, service);
                let come = match outcome {
                    AtOnce::Answered => continue,
                    AtOnce::Answering(rest) => Come::Answering(rest),
                    AtOnce::NotYet(read) => Come::Read(read),
                };
                // From here on it is forgotten without ceremony if the namespace is abandoned.
                let Some(stream) = attend(stream, gate) else { continue };
                let serving = converse((stream, come), peer, gate, service, stop).await;
                tokio::spawn(async move {
                    serving.await;
                    drop(room);
                });
            }
            // The guest gave up while it waited: nothing is wrong here.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !failing {
                    complain(&error, gate);
                }
                failing = true;
                if limit_to_raise(&error).is_some() {
                    // The descriptor of an idle connection is as good as any.
                    service.crowd.make_room(None);
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// How far a connection has come that is not to be closed yet.
enum Come {
    /// So much was read of it.
    Read(BytesMut),
    /// It was answered but for this.
    Answering(Bytes),
}

/// Answers whoever is known by its address alone. A panic ends the connection, and nothing else.
fn answer_at_once<N: NextHop<Origin>>(
    stream: &TcpStream,
    peer: SocketAddr,
    gate: &Gate,
    service: &Service<N>,
) -> AtOnce {
    let Some(address) = Identifier::known(peer) else { return AtOnce::NotYet(BytesMut::new()) };
    let answering = || {
        let guest = Guest::new(Origin::new(gate.scope, address), None);
        server::answer_at_once(stream, &guest, &*service.handler)
    };
    catch_unwind(AssertUnwindSafe(answering)).unwrap_or_else(|_panic| {
        tracing::error!("serving a connection panicked; the connection is closed");
        AtOnce::Answered
    })
}

/// Whether the guest asked the service and not something else that the namespace has an address
/// for.
fn is_meant_for_us(stream: &TcpStream, gate: &Gate) -> bool {
    if gate.address.admits_all() {
        return true;
    }
    stream.local_addr().is_ok_and(|local| gate.address.admits(local.ip()))
}

/// Has the connection, about to be dropped, end as if nobody had listened.
fn reset(stream: &TcpStream) {
    // Fails only on a socket that holds nothing any more.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Waits for a slot; what it returns serves the connection in it.
async fn converse<N: NextHop<Origin>>(
    (stream, come): (GuestConnection, Come),
    peer: SocketAddr,
    gate: &Gate,
    service: &Arc<Service<N>>,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<N> {
    let slot = slot(&service.connections, &service.crowd).await;
    let place = service.crowd.enter(gate.scope);
    let dismissed = place.dismissed();
    let (service, gate, stop) = (Arc::clone(service), gate.clone(), stop.clone());
    let abandoned = gate.abandoned.clone();
    async move {
        // On the heap: what it is wrapped in holds it several times, and is copied before it runs.
        let served = Box::pin(async {
            let connections = &service.connections;
            let read = match come {
                Come::Read(read) => read,
                // It stands idle as far as others are concerned: so it makes room for them.
                Come::Answering(rest) => return connections.send_rest_in(slot, stream, rest).await,
            };
            // Here, since it may take a while: nobody else waits for it.
            let address = service.identifier.identify(peer, &gate.namespace).await;
            let guest = Guest::new(Origin::new(gate.scope, address), Some(place));
            let handler = Arc::clone(&service.handler);
            connections.serve_in(slot, (stream, read), guest, handler, stop).await;
        });
        let _ = abandoned.run_until_cancelled(dismissed.run_until_cancelled(served)).await;
    }
}

/// Lets the runtime wait for what comes on the connection.
fn attend(stream: TcpStream, gate: &Gate) -> Option<GuestConnection> {
    match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => Some(GuestConnection::new(stream, gate.abandoned.clone())),
        Err(error) => {
            tracing::warn!(scope = %gate.scope, %error, "a guest's connection cannot be waited for");
            None
        }
    }
}

/// Waits until the role may serve one more connection; idle ones make room, whosever they are.
async fn slot(connections: &Connections, crowd: &Crowd) -> Slot {
    loop {
        match timeout(ROOM_POLL, connections.slot()).await {
            Ok(slot) => return slot,
            Err(_elapsed) => crowd.make_room(None),
        }
    }
}

/// What is ready although `stop` is cancelled still counts.
async fn until<T>(stop: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = stop.cancelled() => None,
    }
}

/// Says once what goes on failing until a connection is accepted.
fn complain(error: &io::Error, gate: &Gate) {
    let advice = limit_to_raise(error).unwrap_or("nothing needs to be done if this goes by");
    tracing::warn!(
        scope = %gate.scope, %error,
        "guests' connections cannot be accepted; they wait, and it is tried again: {advice}"
    );
}
