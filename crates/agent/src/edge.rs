use std::sync::Arc;

use bytes::Bytes;
use http::{Response, request, uri::PathAndQuery};
use http_body_util::Full;
use innkeeper_model::Identity;
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Reason, RequestId,
    access_log::{GuestLine, source_text},
    headers::{decode_origin, decode_request_id, guest_headers},
    limits::AGENT_HOLD,
    server::{Handler, refuse_visibly},
    target::path_of,
    unix_socket::UnixPeer,
};
use tokio::time::Instant;

use crate::Agent;

/// The agent on a Unix socket: takes the place of neutron-metadata-agent behind Neutron's proxies
/// or our own.
#[derive(Debug)]
pub struct AgentEdge<N> {
    agent: Arc<Agent<N>>,
}

impl<N> AgentEdge<N> {
    /// Answers proxies by asking `agent`.
    pub const fn new(agent: Arc<Agent<N>>) -> Self {
        Self { agent }
    }
}

impl<N: NextHop<Identity>> Handler<UnixPeer> for AgentEdge<N> {
    async fn handle(
        &self,
        _peer: &UnixPeer,
        head: request::Parts,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        // Only our own proxy names the request, and only it takes the trail off the answer.
        let named = decode_request_id(&head.headers);
        let request_id = named.unwrap_or_else(RequestId::random);
        let origin = decode_origin(&head.headers);
        let target = path_of(&head.uri);
        let response = match (&origin, &target) {
            (Ok(origin), Ok(target)) => {
                let request = GuestRequest {
                    who: origin.clone(),
                    method: head.method.clone(),
                    target: target.clone(),
                    headers: Arc::new(guest_headers(&head.headers)),
                    body,
                    request_id,
                    deadline: Instant::now() + AGENT_HOLD,
                };
                self.agent.call(request).await
            }
            (Err(reason), _) | (_, Err(reason)) => self.refusal(*reason),
        };
        let target = target.unwrap_or_else(|_| PathAndQuery::from_static("*"));
        let source = origin.map_or_else(|_| "unknown".to_owned(), |origin| source_text(&origin));
        let line = GuestLine { request_id, method: &head.method, target: &target, source: &source };
        line.log(&response);
        response.into_http(named.is_some())
    }

    fn refuse(&self, peer: &UnixPeer, reason: Reason) -> Response<Full<Bytes>> {
        let source = format_args!("a proxy of user {}", peer.uid);
        refuse_visibly(self.agent.metrics(), source, reason)
    }
}

impl<N> AgentEdge<N> {
    /// A refusal of a request that never came to the agent itself.
    fn refusal(&self, reason: Reason) -> GuestResponse {
        let in_flight = self.agent.metrics().begin();
        let text = match reason {
            Reason::NoScopeHeader => "Neither a network nor a router is named.\n",
            Reason::SeveralScopeHeaders => "More than one network or router is named.\n",
            Reason::BadScopeHeader => "The id of the network or router is not a UUID.\n",
            Reason::BadForwardedFor => "X-Forwarded-For is not exactly one address.\n",
            _ => "The request is malformed.\n",
        };
        let response = GuestResponse::refusal(reason, text);
        let took = in_flight.finish(reason);
        response.reported(Hop::Agent, took)
    }
}
