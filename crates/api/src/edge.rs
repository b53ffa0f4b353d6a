//! Where HTTP enters: headers to identity.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Response, request, uri::PathAndQuery};
use http_body_util::Full;
use innkeeper_documents::root_listing;
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Reason, RequestId,
    access_log::GuestLine,
    headers,
    limits::API_HOLD,
    server::{Handler, refuse_visibly},
    signature::SharedSecret,
    target::path_of,
};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

use crate::{Api, answer};

/// The API on a TCP port: takes the place of nova-api-metadata behind Neutron's agent or our own.
#[derive(Debug)]
pub struct ApiEdge {
    api: Arc<Api>,
    secret: SharedSecret,
}

impl ApiEdge {
    /// Answers who can sign with `secret`.
    pub const fn new(api: Arc<Api>, secret: SharedSecret) -> Self {
        Self { api, secret }
    }

    async fn answer(&self, head: &request::Parts, body: Bytes, id: RequestId) -> GuestResponse {
        let begun = Instant::now();
        let target = match path_of(&head.uri) {
            Ok(target) => target,
            Err(reason) => {
                return self.answer_at_once(head, || answer::refusal(reason, &head.headers));
            }
        };
        // The root is the same for everybody, and asked for by health checks that cannot sign.
        if is_root(&target) {
            return self.answer_at_once(head, || answer::directory(&root_listing()));
        }
        let who = match headers::decode_identity(&head.headers, &self.secret) {
            Ok(who) => who,
            Err(reason) => {
                return self.answer_at_once(head, || answer::refusal(reason, &head.headers));
            }
        };
        let request = GuestRequest {
            who,
            method: head.method.clone(),
            target,
            headers: headers::guest_headers(&head.headers),
            body,
            request_id: id,
            deadline: begun + API_HOLD,
        };
        self.api.call(request).await
    }

    /// An answer that needs to know nobody.
    fn answer_at_once(
        &self,
        head: &request::Parts,
        answer: impl FnOnce() -> GuestResponse,
    ) -> GuestResponse {
        let in_flight = self.api.metrics().begin();
        let response = answer::for_method(&head.method, answer());
        let took = in_flight.finish(response.reason);
        response.reported(Hop::Api, took)
    }
}

impl Handler<SocketAddr> for ApiEdge {
    async fn handle(
        &self,
        peer: &SocketAddr,
        head: request::Parts,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        // Only our own agent names the request, and only it reads the trail.
        let named = headers::decode_request_id(&head.headers);
        let id = named.unwrap_or_else(RequestId::random);
        let response = self.answer(&head, body, id).await;
        let target = &path_of(&head.uri).unwrap_or_else(|_| PathAndQuery::from_static("*"));
        GuestLine { request_id: id, method: &head.method, target, source: peer }.log(&response);
        response.into_http(named.is_some())
    }

    fn refuse(&self, peer: &SocketAddr, reason: Reason) -> Response<Full<Bytes>> {
        refuse_visibly(self.api.metrics(), peer, reason)
    }
}

fn is_root(target: &PathAndQuery) -> bool {
    let path = percent_decode_str(target.path()).decode_utf8();
    path.is_ok_and(|path| innkeeper_model::path::is_root(&path))
}
