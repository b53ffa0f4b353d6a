//! One request of a guest: stripped of all it says of itself, named by its origin, handed on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, request, uri::PathAndQuery};
use http_body_util::Full;
use innkeeper_model::Origin;
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Now, Reason, RequestId,
    access_log::{GuestLine, source_text},
    headers,
    limits::PROXY_HOLD,
    metrics::{HopMetrics, InFlight},
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
    /// The same, as the log names it.
    pub(crate) source: String,
    /// The connection's place among those that may stand idle, if it is one of them.
    pub(crate) place: Option<Place>,
}

impl Guest {
    pub(crate) fn new(origin: Origin, place: Option<Place>) -> Self {
        Self { source: source_text(&origin), origin, place }
    }
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
        let _answering = guest.place.as_ref().map(Place::answering);
        let asked = Asked::new(&self.metrics, guest, &head);
        let answer = match &asked.target {
            Ok(target) => match self.next.call_now(asked.inward(target, body)) {
                Now::Answered(answer) => answer,
                // On the heap: what all requests carry along is small without it.
                Now::Later(request) => Box::pin(self.wait_for(request)).await,
            },
            Err(reason) => GuestResponse::refusal(*reason, "The request's target is no path.\n"),
        };
        asked.answered(answer)
    }

    fn handle_now(&self, guest: &Guest, head: &request::Parts) -> Option<Response<Full<Bytes>>> {
        let asked = Asked::new(&self.metrics, guest, head);
        let target = asked.target.as_ref().ok()?;
        match self.next.call_now(asked.inward(target, Bytes::new())) {
            Now::Answered(answer) => Some(asked.answered(answer)),
            Now::Later(_) => None,
        }
    }

    fn may_handle_now(&self) -> bool {
        self.next.may_answer_now()
    }

    fn refuse(&self, guest: &Guest, reason: Reason) -> Response<Full<Bytes>> {
        refuse_visibly(&self.metrics, &guest.source, reason)
    }
}

/// A request in hand.
struct Asked<'a> {
    in_flight: InFlight<'a>,
    request_id: RequestId,
    guest: &'a Guest,
    head: &'a request::Parts,
    target: Result<PathAndQuery, Reason>,
}

impl<'a> Asked<'a> {
    fn new(metrics: &'a HopMetrics, guest: &'a Guest, head: &'a request::Parts) -> Self {
        let (in_flight, request_id) = (metrics.begin(), RequestId::random());
        Self { in_flight, request_id, guest, head, target: path_of(&head.uri) }
    }

    /// What goes inward.
    fn inward(&self, target: &PathAndQuery, body: Bytes) -> GuestRequest<Origin> {
        GuestRequest {
            who: self.guest.origin.clone(),
            method: self.head.method.clone(),
            target: target.clone(),
            headers: Arc::new(headers::guest_headers(&self.head.headers)),
            body,
            request_id: self.request_id,
            deadline: Instant::now() + PROXY_HOLD,
        }
    }

    /// Counts and logs the answer, and gives it its form.
    fn answered(self, answer: GuestResponse) -> Response<Full<Bytes>> {
        let took = self.in_flight.finish(answer.reason);
        let answer = answer.reported(Hop::Proxy, took);
        let target = self.target.unwrap_or_else(|_| PathAndQuery::from_static("/"));
        let (request_id, method) = (self.request_id, &self.head.method);
        GuestLine { request_id, method, target: &target, source: &self.guest.source }.log(&answer);
        answer.into_http(false)
    }
}

impl<N: NextHop<Origin>> GuestHandler<N> {
    async fn wait_for(&self, request: GuestRequest<Origin>) -> GuestResponse {
        let late = request.deadline + LATE;
        timeout_at(late, self.next.call(request)).await.unwrap_or_else(|_elapsed| {
            GuestResponse::refusal(Reason::AgentAway, "The service is starting. Try again.\n")
        })
    }
}
