//! The router behind the listeners.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::Full;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use innkeeper_model::Identity;
use innkeeper_store::Store;
use innkeeper_wire::{
    NextHop, Reason,
    limits::DRAIN,
    server::{self, Connections, Handler},
    unix_socket::{PeerPolicy, UnixPeer},
};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::{
    access::Caller,
    config_drives::ConfigDrives,
    failure::Failure,
    guest::GuestDoor,
    router::{self, Shared},
};

/// Connections served at once: each host keeps a few, operators come and go. Guests do not come
/// here, so it is far below the request path's limit and leaves descriptors for them.
const CONNECTIONS_MAX: usize = 1_024;

/// The control API, ready to be served. Clones share everything.
#[derive(Clone)]
pub struct Control {
    router: Router,
    stop: CancellationToken,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    /// Serves `store`, through `guest` what guests would be served, and `drives`, until `stop`.
    pub fn new<G: NextHop<Identity>>(
        store: Store,
        guest: Arc<G>,
        drives: ConfigDrives,
        stop: CancellationToken,
    ) -> Self {
        let guest = GuestDoor::new(guest);
        let shared = Shared { store, guest, drives, stop: stop.clone() };
        Self { router: router::router(shared), stop }
    }

    /// Serves a Unix socket whose users `policy` names; they need no token. Returns after the stop,
    /// when what was begun is finished or [`DRAIN`] is over.
    pub async fn serve_unix(&self, listener: UnixListener, policy: PeerPolicy) {
        let connections = Connections::new(CONNECTIONS_MAX);
        let handler = Arc::new(self.clone());
        let stop = self.stop.clone();
        server::serve_unix(listener, policy, connections.clone(), handler, stop).await;
        connections.drain(DRAIN).await;
    }

    /// Serves TCP, where everything needs a token. Returns as [`Control::serve_unix`] does.
    pub async fn serve_tcp(&self, listener: TcpListener) {
        let connections = Connections::new(CONNECTIONS_MAX);
        let handler = Arc::new(self.clone());
        let stop = self.stop.clone();
        server::serve_tcp(listener, None, connections.clone(), handler, stop).await;
        connections.drain(DRAIN).await;
    }

    /// The bare router. It takes everybody for a stranger from the network, who needs a token.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    async fn answer(
        &self,
        caller: Caller,
        head: request::Parts,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        let mut request = Request::from_parts(head, Body::from(body));
        request.extensions_mut().insert(caller);
        let answered = TowerToHyperService::new(self.router.clone()).call(request).await;
        let response = answered.unwrap_or_else(|never| match never {});
        whole(response).await
    }
}

impl Handler<UnixPeer> for Control {
    async fn handle(
        &self,
        peer: &UnixPeer,
        head: request::Parts,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        self.answer(Caller::Unix { uid: peer.uid }, head, body).await
    }

    fn refuse(&self, _peer: &UnixPeer, reason: Reason) -> Response<Full<Bytes>> {
        refusal(reason)
    }
}

impl Handler<SocketAddr> for Control {
    async fn handle(
        &self,
        peer: &SocketAddr,
        head: request::Parts,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        self.answer(Caller::Tcp(*peer), head, body).await
    }

    fn refuse(&self, _peer: &SocketAddr, reason: Reason) -> Response<Full<Bytes>> {
        refusal(reason)
    }
}

/// All of our handlers answer from memory, so this only changes the type.
async fn whole(response: axum::response::Response) -> Response<Full<Bytes>> {
    let (head, body) = response.into_parts();
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => Response::from_parts(head, Full::new(bytes)),
        Err(error) => {
            tracing::error!(target: "control", %error, "an answer could not be put together");
            refusal(Reason::Internal)
        }
    }
}

fn refusal(reason: Reason) -> Response<Full<Bytes>> {
    Failure::of_reason(reason).into_whole()
}
