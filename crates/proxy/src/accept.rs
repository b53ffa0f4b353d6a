//! The accept loop of one listener.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use innkeeper_model::Origin;
use innkeeper_wire::{
    NextHop,
    limits::BACKLOG,
    server::{Connections, Slot},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::GuestConnection,
    crowd::Crowd,
    error::limit_to_raise,
    gate::{Gate, ROOM_POLL},
    handler::Guest,
    service::Service,
};

/// How long accepting pauses after an error such as too many open files: long enough not to spin,
/// short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the connections of `listener` until its namespace is abandoned or `stop` is cancelled.
/// After a stop, those that the kernel has accepted already are still served.
pub(crate) async fn serve<N: NextHop<Origin>>(
    listener: TcpListener,
    gate: Gate,
    service: Arc<Service<N>>,
    stop: CancellationToken,
) {
    let abandoned = gate.abandoned.clone();
    let all = serve_all(&listener, &gate, &service, &stop);
    let _ = abandoned.run_until_cancelled(all).await;
}

async fn serve_all<N: NextHop<Origin>>(
    listener: &TcpListener,
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
        let Some(room) = until(stop, gate.room(&service.crowd)).await.flatten() else { return };
        let Some(accepted) = until(stop, listener.accept()).await else { return };
        failing = failing && accepted.is_err();
        match accepted {
            Ok((stream, _)) if !is_meant_for_us(&stream, gate) => {
                service.misdirected.inc();
                reset(&stream);
            }
            Ok((stream, peer)) => {
                let serving = converse(stream, peer, gate, service, stop).await;
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
    let _ = stream.set_zero_linger();
}

/// Waits for a slot; what it returns serves the connection in it.
async fn converse<N: NextHop<Origin>>(
    stream: TcpStream,
    peer: SocketAddr,
    gate: &Gate,
    service: &Arc<Service<N>>,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<N> {
    let stream = GuestConnection::new(stream, gate.abandoned.clone());
    let slot = slot(&service.connections, &service.crowd).await;
    let place = service.crowd.enter(gate.scope);
    let dismissed = place.dismissed();
    let (service, gate, stop) = (Arc::clone(service), gate.clone(), stop.clone());
    let abandoned = gate.abandoned.clone();
    async move {
        let served = async {
            // Here, since it may take a while: nobody else waits for it.
            let address = service.identifier.identify(peer, &gate.namespace).await;
            let guest = Guest { origin: Origin::new(gate.scope, address), place };
            let handler = Arc::clone(&service.handler);
            let connections = service.connections.clone();
            // On the heap: it is large, and all that it is wrapped in is copied several times before
            // it runs.
            Box::pin(connections.serve_in(slot, stream, guest, handler, stop)).await;
        };
        let _ = abandoned.run_until_cancelled(dismissed.run_until_cancelled(served)).await;
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
