//! The accept loop of one listener.

use std::{future::Future, io, sync::Arc, time::Duration};

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
    gate::{Gate, ROOM_POLL},
    handler::{Guest, GuestHandler},
};

/// How long accepting pauses after an error such as too many open files: long enough not to spin,
/// short enough not to be felt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the connections of `listener` until its namespace is abandoned or `stop` is cancelled.
/// After a stop, those that the kernel has accepted already are still served.
pub(crate) async fn serve<N: NextHop<Origin>>(
    listener: TcpListener,
    gate: Gate,
    (connections, crowd): (Connections, Crowd),
    handler: Arc<GuestHandler<N>>,
    stop: CancellationToken,
) {
    let abandoned = gate.abandoned.clone();
    let all = serve_all(&listener, &gate, (&connections, &crowd), &handler, &stop);
    let _ = abandoned.run_until_cancelled(all).await;
}

async fn serve_all<N: NextHop<Origin>>(
    listener: &TcpListener,
    gate: &Gate,
    (connections, crowd): (&Connections, &Crowd),
    handler: &Arc<GuestHandler<N>>,
    stop: &CancellationToken,
) {
    let mut left_after_stop = BACKLOG;
    while left_after_stop > 0 {
        if stop.is_cancelled() {
            left_after_stop -= 1;
        }
        let Some(room) = until(stop, gate.room(crowd)).await.flatten() else { return };
        let Some(accepted) = until(stop, listener.accept()).await else { return };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let origin = Origin::new(gate.scope, peer.ip());
        let serving = converse(stream, origin, gate, (connections, crowd), handler, stop).await;
        tokio::spawn(async move {
            serving.await;
            drop(room);
        });
    }
}

/// Waits for a slot; what it returns serves the connection in it.
async fn converse<N: NextHop<Origin>>(
    stream: TcpStream,
    origin: Origin,
    gate: &Gate,
    (connections, crowd): (&Connections, &Crowd),
    handler: &Arc<GuestHandler<N>>,
    stop: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<N> {
    let stream = GuestConnection::new(stream, gate.abandoned.clone());
    let slot = slot(connections, crowd).await;
    let place = crowd.enter(gate.scope);
    let dismissed = place.dismissed();
    let guest = Guest { origin, place };
    let (connections, handler) = (connections.clone(), Arc::clone(handler));
    let (stop, abandoned) = (stop.clone(), gate.abandoned.clone());
    async move {
        let served = connections.serve_in(slot, stream, guest, handler, stop);
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

async fn pause_after(error: &io::Error) {
    // The guest gave up while it waited: nothing is wrong here.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    tracing::warn!(%error, "a guest's connection could not be accepted; accepting goes on");
    sleep(ACCEPT_PAUSE).await;
}
