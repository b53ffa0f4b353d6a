//! Where HTTP enters: who asks is found out here.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Response, request, uri::PathAndQuery};
use http_body_util::Full;
use innkeeper_documents::root_listing;
use innkeeper_wire::{
    GuestRequest, GuestResponse, Reason, RequestId,
    access_log::{GuestLine, source_text},
    headers::{decode_request_id, guest_headers},
    limits::API_HOLD,
    server::{Handler, refuse_visibly},
    signature::SharedSecret,
    target::{is_root, path_of},
};
use tokio::time::Instant;

use crate::{
    Api, Identification,
    answer::{self, Refusal},
};

/// The API on a TCP port: takes the place of nova-api-metadata behind Neutron's agent or our own, a
/// load balancer, or nothing at all.
#[derive(Debug)]
pub struct ApiEdge {
    api: Arc<Api>,
    secret: SharedSecret,
    identification: Identification,
}

impl ApiEdge {
    /// Answers who is known by `identification`; whoever signs, signs with `secret`.
    pub const fn new(api: Arc<Api>, secret: SharedSecret, identification: Identification) -> Self {
        Self { api, secret, identification }
    }

    async fn answer(
        &self,
        peer: SocketAddr,
        head: &request::Parts,
        body: Bytes,
        id: RequestId,
    ) -> GuestResponse {
        let answered = self.answer_or_refuse(peer, head, body, id);
        let answered =
            async { answered.await.unwrap_or_else(|refusal| refusal.answer(&head.headers)) };
        self.api.counted(&head.method, answered).await
    }

    async fn answer_or_refuse(
        &self,
        peer: SocketAddr,
        head: &request::Parts,
        body: Bytes,
        id: RequestId,
    ) -> Result<GuestResponse, Refusal> {
        let deadline = Instant::now() + API_HOLD;
        let target = path_of(&head.uri)?;
        // The root is the same for everybody, and asked for by health checks that cannot sign.
        if is_root(&target) {
            return Ok(answer::directory(&root_listing()));
        }
        let (headers, store) = (&head.headers, self.api.store());
        let who = self.identification.identify(headers, peer, &self.secret, store, deadline);
        let request = GuestRequest {
            who: who.await?,
            method: head.method.clone(),
            target,
            headers: Arc::new(guest_headers(headers)),
            body,
            request_id: id,
            deadline,
        };
        match self.api.answer_now(&request) {
            Some(response) => Ok(response),
            // On the heap: what all requests carry along is small without it.
            None => Ok(Box::pin(self.api.answer(&request)).await),
        }
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
        let named = decode_request_id(&head.headers);
        let id = named.unwrap_or_else(RequestId::random);
        let response = self.answer(*peer, &head, body, id).await;
        let target = &path_of(&head.uri).unwrap_or_else(|_| PathAndQuery::from_static("*"));
        let source = &source_text(peer);
        GuestLine { request_id: id, method: &head.method, target, source }.log(&response);
        response.into_http(named.is_some())
    }

    fn refuse(&self, peer: &SocketAddr, reason: Reason) -> Response<Full<Bytes>> {
        refuse_visibly(self.api.metrics(), peer, reason)
    }
}
