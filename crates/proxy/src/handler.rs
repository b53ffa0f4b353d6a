//! One request of a guest: stripped of all it says of itself, named by its origin, handed on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, request, uri::PathAndQuery};
use http_body_util::Full;
use innkeeper_model::Origin;
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Reason, RequestId,
    access_log::GuestLine,
    headers,
    limits::PROXY_HOLD,
    metrics::HopMetrics,
    server::{Handler, refuse_visibly},
    target::path_of,
};
use tokio::time::{Instant, timeout_at};

use crate::crowd::Place;

/// How much later than its deadline an answer is still taken: the next hop answers when the
/// deadline is there, and its reason says more than ours could.
const LATE: Duration = Duration::from_millis(250);

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Guest {
    /// What it is known by.
    pub(crate) origin: Origin,
    /// The connection's place among all.
    pub(crate) place: Place,
}

/// Answers guests by asking the next hop.
#[derive(Debug)]
pub(crate) struct GuestHandler<N> {
    next: Arc<N>,
    metrics: HopMetrics,
}

impl<N> GuestHandler<N> {
    pub(crate) fn new(next: Arc<N>, metrics: HopMetrics) -> Self {
        Self { next, metrics }
    }
}

impl<N: NextHop<Origin>> Handler<Guest> for GuestHandler<N> {
    async fn handle(
        &self,
        guest: &Guest,
        head: request::Parts,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        let _answering = guest.place.answering();
        let origin = &guest.origin;
        let in_flight = self.metrics.begin();
        let request_id = RequestId::random();
        let target = path_of(&head.uri);
        let answer = match &target {
            Ok(target) => self.ask(origin, &head, target.clone(), body, request_id).await,
            Err(reason) => GuestResponse::refusal(*reason, "The request's target is no path.\n"),
        };
        let took = in_flight.finish(answer.reason);
        let answer = answer.reported(Hop::Proxy, took);
        let target = target.unwrap_or_else(|_| PathAndQuery::from_static("/"));
        let line = GuestLine { request_id, method: &head.method, target: &target, source: origin };
        line.log(&answer);
        answer.into_http(false)
    }

    fn refuse(&self, guest: &Guest, reason: Reason) -> Response<Full<Bytes>> {
        refuse_visibly(&self.metrics, &guest.origin, reason)
    }
}

impl<N: NextHop<Origin>> GuestHandler<N> {
    async fn ask(
        &self,
        origin: &Origin,
        head: &request::Parts,
        target: PathAndQuery,
        body: Bytes,
        request_id: RequestId,
    ) -> GuestResponse {
        let deadline = Instant::now() + PROXY_HOLD;
        let request = GuestRequest {
            who: origin.clone(),
            method: head.method.clone(),
            target,
            headers: headers::guest_headers(&head.headers),
            body,
            request_id,
            deadline,
        };
        timeout_at(deadline + LATE, self.next.call(request)).await.unwrap_or_else(|_elapsed| {
            GuestResponse::refusal(Reason::AgentAway, "The service is starting. Try again.\n")
        })
    }
}
