//! The forwarding clients: a next hop in another process.

mod exchange;
mod forward;
mod plain;
mod pool;
mod upstream;

use std::path::PathBuf;

use http::{HeaderValue, header};
use innkeeper_model::{Identity, Origin};

use crate::{
    GuestRequest, GuestResponse, NextHop, Reason,
    headers::{HeaderList, encode_identity, encode_origin, encode_request_id, guest_header_list},
    signature::SharedSecret,
};
use forward::Forwarder;

pub use upstream::{Upstream, UpstreamError};

/// What our agent calls itself.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("innkeeper/", env!("CARGO_PKG_VERSION")));

/// Room for the headers of a request to an agent or to Nova: nearly all have no more.
const FIELDS: usize = 6;
/// The same, of a request to an API of ours.
const IDENTIFIED_FIELDS: usize = 12;

/// The agent as a next hop of the proxy, over its Unix socket.
#[derive(Debug)]
pub struct AgentClient {
    forwarder: Forwarder,
}

impl AgentClient {
    /// The agent that listens at `socket`; it need not be there yet.
    pub fn new(socket: PathBuf) -> Self {
        Self { forwarder: Forwarder::new(vec![Upstream::unix(socket)], Reason::AgentAway) }
    }
}

impl NextHop<Origin> for AgentClient {
    async fn call(&self, request: GuestRequest<Origin>) -> GuestResponse {
        let mut fields = guest_header_list(&request.headers, FIELDS);
        encode_origin(&request.who, &mut fields);
        encode_request_id(request.request_id, &mut fields);
        self.forwarder.forward(request, fields).await
    }
}

/// What kind of API the agent talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// Ours: it also gets the request id, the vouched address and the guest's allowed headers.
    Innkeeper,
    /// Nova: it gets what Neutron's agent sends, and nothing of the guest's own headers.
    Nova,
}

/// The API as a next hop of the agent, over HTTP or HTTPS, at one address or several.
#[derive(Debug)]
pub struct ApiClient {
    forwarder: Forwarder,
    kind: ApiKind,
    secret: SharedSecret,
}

impl ApiClient {
    /// The API at `upstreams`. The first is asked; while it fails, the others in turn.
    pub fn new(upstreams: Vec<Upstream>, kind: ApiKind, secret: SharedSecret) -> Self {
        Self { forwarder: Forwarder::new(upstreams, Reason::ApiAway), kind, secret }
    }
}

impl NextHop<Identity> for ApiClient {
    async fn call(&self, request: GuestRequest<Identity>) -> GuestResponse {
        let ours = self.kind == ApiKind::Innkeeper;
        if request.who.found_in.is_some() && !(ours && is_vouched(&request.who)) {
            // Nobody would look whether it is still found there.
            return GuestResponse::refusal(Reason::StaleAddress, "Ask for whose it is now.\n");
        }
        let mut fields = if ours {
            guest_header_list(&request.headers, IDENTIFIED_FIELDS)
        } else {
            HeaderList::with_capacity(FIELDS)
        };
        encode_identity(&request.who, &self.secret, ours, &mut fields);
        if ours {
            encode_request_id(request.request_id, &mut fields);
        }
        let any = HeaderValue::from_static("*/*");
        for (name, otherwise) in [(header::ACCEPT, any), (header::USER_AGENT, USER_AGENT)] {
            if !fields.contains(&name) {
                fields.put(name, otherwise);
            }
        }
        let is_sure = request.who.found_in.is_none();
        let instance = Some(request.who.instance).filter(|_| is_sure);
        let mut response = self.forwarder.forward(request, fields).await;
        response.instance = response.instance.or(instance);
        response
    }
}

fn is_vouched(who: &Identity) -> bool {
    who.address.is_some() && who.vouched_port.is_some()
}
