//! One connection, from when it is accepted until it is closed.

use std::{
    future::Future,
    net::{SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use bytes::{Bytes, BytesMut};
use innkeeper_model::Origin;
use innkeeper_wire::{
    NextHop,
    server::{self, AtOnce, Connections, OnlyRequest, Slot},
};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::{CutIfAbandoned, GuestConnection},
    crowd::Crowd,
    gate::{Gate, ROOM_POLL},
    handler::Guest,
    identify::Identifier,
    service::Service,
};

/// Takes a connection on: either it is answered by the time that this returns, or it is served in a
/// task of its own, which holds its `room` until then.
pub(crate) async fn take<N: NextHop<Origin>>(
    (stream, peer): (TcpStream, SocketAddr),
    room: OwnedSemaphorePermit,
    gate: &Gate,
    service: &Arc<Service<N>>,
    stop: &CancellationToken,
) {
    let Ok(known) = answer_at_once(&stream, peer, gate, service) else {
        tracing::error!("serving a connection panicked; the connection is closed");
        return;
    };
    let come = match known {
        None => Come::Read(BytesMut::new()),
        Some((AtOnce::Answered, _)) => return,
        Some((AtOnce::Answering(rest), _)) => Come::Answering(rest),
        Some((AtOnce::NotYet(read), _)) => Come::Read(read),
        Some((AtOnce::Asked(only), guest)) => {
            let cut = CutIfAbandoned::new(&stream, &gate.abandoned);
            let slot = slot(&service.connections, &service.crowd).await;
            drop(cut);
            tokio::spawn(wait_and_answer((slot, room), (stream, only), guest, gate, service));
            return;
        }
    };
    // From here on it is forgotten without ceremony if the namespace is abandoned.
    let Some(stream) = attend(stream, gate) else { return };
    let serving = converse((stream, come), peer, gate, service, stop).await;
    tokio::spawn(async move {
        serving.await;
        drop(room);
    });
}

/// Answers whoever is known by its address alone, as mostly it is, and says who that is. A panic is to
/// end the connection, and nothing else.
fn answer_at_once<N: NextHop<Origin>>(
    stream: &TcpStream,
    peer: SocketAddr,
    gate: &Gate,
    service: &Service<N>,
) -> thread::Result<Option<(AtOnce, Guest)>> {
    catch_unwind(AssertUnwindSafe(|| {
        let address = Identifier::known(peer)?;
        let guest = Guest::new(Origin::new(gate.scope, address), None);
        Some((server::answer_at_once(stream, &guest, &*service.handler), guest))
    }))
}

/// Has the only request of a connection answered. Never idle meanwhile, it is none of those that
/// make room for others.
fn wait_and_answer<N: NextHop<Origin>>(
    (slot, room): (Slot, OwnedSemaphorePermit),
    (stream, only): (TcpStream, OnlyRequest),
    guest: Guest,
    gate: &Gate,
    service: &Arc<Service<N>>,
) -> impl Future<Output = ()> + Send + use<N> {
    let (service, gate) = (Arc::clone(service), gate.clone());
    async move {
        let cut = CutIfAbandoned::new(&stream, &gate.abandoned);
        let connections = &service.connections;
        let answered = connections.answer_in(&slot, (&stream, only), &guest, &*service.handler);
        let rest = gate.abandoned.run_until_cancelled(answered).await.flatten();
        drop(cut);
        if let Some(rest) = rest {
            if let Some(stream) = attend(stream, &gate) {
                // On the heap: few connections need it.
                Box::pin(send_rest(slot, (stream, rest), &gate, &service)).await;
            }
        } else {
            // Its descriptor is free before its place is.
            drop((stream, slot));
        }
        drop(room);
    }
}

/// How far a connection has come that is not to be closed yet.
enum Come {
    /// So much was read of it.
    Read(BytesMut),
    /// It was answered but for this.
    Answering(Bytes),
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
    let (service, gate, stop) = (Arc::clone(service), gate.clone(), stop.clone());
    async move {
        let read = match come {
            Come::Read(read) => read,
            Come::Answering(rest) => {
                return Box::pin(send_rest(slot, (stream, rest), &gate, &service)).await;
            }
        };
        let place = service.crowd.enter(gate.scope);
        let dismissed = place.dismissed();
        // On the heap: what it is wrapped in holds it several times, and is copied before it runs.
        let served = Box::pin(async {
            // Here, since it may take a while: nobody else waits for it.
            let address = service.identifier.identify(peer, &gate.namespace).await;
            let guest = Guest::new(Origin::new(gate.scope, address), Some(place));
            let handler = Arc::clone(&service.handler);
            service.connections.serve_in(slot, (stream, read), guest, handler, stop).await;
        });
        let _ = gate.abandoned.run_until_cancelled(dismissed.run_until_cancelled(served)).await;
    }
}

/// Sends the rest of an answer. As far as others are concerned the connection stands idle: so it
/// makes room for them.
async fn send_rest<N>(
    slot: Slot,
    (stream, rest): (GuestConnection, Bytes),
    gate: &Gate,
    service: &Service<N>,
) {
    let place = service.crowd.enter(gate.scope);
    let dismissed = place.dismissed();
    let sent = service.connections.send_rest_in(slot, stream, rest);
    let _ = gate.abandoned.run_until_cancelled(dismissed.run_until_cancelled(sent)).await;
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
