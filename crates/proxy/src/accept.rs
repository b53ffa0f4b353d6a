//! The accept loop of one listener.

use std::{future::Future, io, net::TcpStream, sync::Arc, time::Duration};

use innkeeper_model::Origin;
use innkeeper_wire::{NextHop, limits::BACKLOG};
use tokio::{task::consume_budget, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    accepted::take, connection::reset, error::limit_to_raise, gate::Gate, listener::Listener,
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
            Ok(accepted) => take(accepted, room, gate, service, stop).await,
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
