use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, Method};
use innkeeper_model::{Identity, LookupRefusal, Origin, PortOwner};
use innkeeper_network_view::{FoundBefore, LookupError, NetworkView};
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Now, Reason,
    headers::{self, EC2_TOKEN, EC2_TOKEN_TTL},
    limits::{AGENT_HOLD, RETRY_PAUSE_MAX, RETRY_PAUSE_MIN, UNKNOWN_PORT_HOLD},
    metrics::HopMetrics,
    target::is_root,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{SessionTokens, away::Away, holding::Holding, methods::Resource};

/// What every guest is told who is not known, for whatever reason.
const NOT_FOUND: &str = "Instance was not found.\n";

/// What ends at the agent.
static TOKEN_HEADERS: [HeaderName; 2] = [EC2_TOKEN, EC2_TOKEN_TTL];

/// Finds out who asks and hands the request on in its name.
pub struct Agent<N> {
    view: NetworkView,
    next: Arc<N>,
    tokens: SessionTokens,
    metrics: HopMetrics,
    holding: Holding,
    /// Who was found before, if the API looks whether they still are there.
    found_before: Option<FoundBefore>,
    away: Away,
}

impl<N> Agent<N> {
    /// An agent that looks askers up in `view` and asks `next`.
    pub fn new(
        view: NetworkView,
        next: Arc<N>,
        tokens: SessionTokens,
        metrics: HopMetrics,
    ) -> Self {
        let (holding, found_before, away) = (Holding::default(), None, Away::default());
        Self { view, next, tokens, metrics, holding, found_before, away }
    }

    /// The same, asking `next` first in the name of who was found at an address before. For a `next`
    /// that refuses who is no longer found there.
    #[must_use]
    pub fn trusting_next_to_look(self) -> Self {
        Self { found_before: Some(FoundBefore::default()), ..self }
    }

    /// What it counts; for the edge, which refuses some requests before they come here.
    pub(crate) fn metrics(&self) -> &HopMetrics {
        &self.metrics
    }
}

impl<N: NextHop<Identity>> NextHop<Origin> for Agent<N> {
    async fn call(&self, request: GuestRequest<Origin>) -> GuestResponse {
        let in_flight = self.metrics.begin();
        let response = self.answer(request).await;
        let took = in_flight.finish(response.reason);
        response.reported(Hop::Agent, took)
    }

    fn call_now(&self, request: GuestRequest<Origin>) -> Now<Origin> {
        let in_flight = self.metrics.begin();
        match self.answer_now(request) {
            Now::Answered(response) => {
                let took = in_flight.finish(response.reason);
                Now::Answered(response.reported(Hop::Agent, took))
            }
            later @ Now::Later(_) => later,
        }
    }

    fn may_answer_now(&self) -> bool {
        self.view.may_know() && self.next.may_answer_now()
    }
}

impl<N: NextHop<Identity>> Agent<N> {
    /// Answers who reads a document, shows no session token and is known, if the API does.
    fn answer_now(&self, request: GuestRequest<Origin>) -> Now<Origin> {
        if !only_reads(&request, Resource::of(&request.target)) {
            return Now::Later(request);
        }
        let Some(owner) = self.view.known(&request.who) else { return Now::Later(request) };
        self.away.note_present();
        let (instance, deadline, origin) = (owner.instance, request.deadline, request.who.clone());
        let identity = identity(owner, &origin);
        match self.next.call_now(request.identified(identity, deadline)) {
            Now::Answered(mut response) => {
                response.instance = Some(instance);
                Now::Answered(response)
            }
            Now::Later(request) => Now::Later(request.identified(origin, deadline)),
        }
    }

    async fn answer(&self, request: GuestRequest<Origin>) -> GuestResponse {
        let resource = Resource::of(&request.target);
        if let Some(refusal) = resource.refusal(&request.method) {
            return refusal;
        }
        let deadline = request.deadline.min(Instant::now() + AGENT_HOLD);
        if let Some(response) = self.ask_as_before(&request, resource, deadline).await {
            return response;
        }
        let response = match self.ask(&request, resource, deadline).await {
            // The address went to another machine between lookup and answer. The API refused
            // before it did anything, so asking again is safe, whatever was asked.
            Ok(stale) if stale.reason == Reason::StaleAddress => {
                Box::pin(self.ask(&request, resource, deadline)).await
            }
            first => first,
        };
        match response {
            Ok(stale) if stale.reason == Reason::StaleAddress => {
                let mut refusal = GuestResponse::refusal(Reason::StaleAddress, NOT_FOUND);
                refusal.reports = stale.reports;
                refusal
            }
            Ok(response) => response,
            Err(Reason::NetworkViewAway) => GuestResponse::refusal(
                Reason::NetworkViewAway,
                "The metadata service is temporarily unavailable. Try again.\n",
            ),
            Err(reason) => GuestResponse::refusal(reason, NOT_FOUND),
        }
    }

    /// Asks the API in the name of who was found there before; nothing if nobody was, or they may not
    /// be there any more. This spares the lookup where another process is asked for it.
    async fn ask_as_before(
        &self,
        request: &GuestRequest<Origin>,
        resource: Resource,
        deadline: Instant,
    ) -> Option<GuestResponse> {
        let origin = &request.who;
        let before = self.found_before.as_ref().filter(|_| only_reads(request, resource))?;
        let owner = before.owner(origin)?;
        // The root is answered to whoever asks: nobody would look.
        if is_root(&request.target) {
            return None;
        }
        let who = Identity { found_in: Some(origin.scope), ..identity(owner, origin) };
        let response = self.next.call(request.clone().identified(who, deadline)).await;
        match response.reason {
            // It is another machine, or none.
            Reason::StaleAddress | Reason::UnknownInstance | Reason::TenantMismatch => {
                before.forget(origin);
                None
            }
            Reason::BadSignature => {
                before.pause();
                None
            }
            _ if !response.reports.is_empty() || response.status.is_server_error() => {
                Some(response)
            }
            // Somebody on the way refused what this guest sent, which any guest can bring about.
            Reason::BadRequest => None,
            // Whoever answered does not know what was asked: it is not asked so again soon.
            _ => {
                before.pause();
                None
            }
        }
    }

    /// Looks the asker up and asks the API in its name. Session tokens end here: the API is asked
    /// only in the name of who shows a good one or none, and sees neither.
    async fn ask(
        &self,
        request: &GuestRequest<Origin>,
        resource: Resource,
        deadline: Instant,
    ) -> Result<GuestResponse, Reason> {
        let owner = match self.view.known(&request.who) {
            Some(owner) => {
                self.away.note_present();
                owner
            }
            // On the heap: what all requests carry along is small without it.
            None => Box::pin(self.find(&request.who, deadline)).await?,
        };
        let instance = owner.instance;
        let identity = identity(owner, &request.who);
        let mut response = if resource == Resource::Token && request.method == Method::PUT {
            self.tokens.give(instance, &request.headers)
        } else if let Some(refusal) = self.tokens.refusal(instance, &request.headers) {
            refusal
        } else {
            let mut inward = request.clone().identified(identity, deadline);
            if shows_token(&inward.headers) {
                headers::remove(Arc::make_mut(&mut inward.headers), &TOKEN_HEADERS);
            }
            self.next.call(inward).await
        };
        response.instance = Some(instance);
        Ok(response)
    }

    /// Whose address `origin` is. A view that is away is asked until `deadline`; a port that is not
    /// known yet is waited for, as long as there is room for those who wait.
    async fn find(&self, origin: &Origin, deadline: Instant) -> Result<PortOwner, Reason> {
        let mut pause = RETRY_PAUSE_MIN;
        let mut unknown = None;
        loop {
            let found = timeout_at(deadline, self.view.lookup(origin)).await;
            let until = match found {
                Ok(Ok(owner)) => {
                    self.away.note_present();
                    if let Some(before) = &self.found_before {
                        before.keep(origin, &owner);
                    }
                    return Ok(owner);
                }
                Ok(Err(LookupError::Refused(refusal))) => {
                    self.away.note_present();
                    let reason = reason_of(refusal);
                    if !matches!(refusal, LookupRefusal::UnknownScope | LookupRefusal::NoPort) {
                        return Err(reason);
                    }
                    let (until, _place) = match &unknown {
                        Some(waiting) => waiting,
                        None => {
                            let place = self.holding.place(origin.scope).ok_or(reason)?;
                            let until = deadline.min(Instant::now() + UNKNOWN_PORT_HOLD);
                            unknown.insert((until, place))
                        }
                    };
                    if Instant::now() >= *until {
                        return Err(reason);
                    }
                    *until
                }
                Ok(Err(LookupError::Unavailable(error))) => {
                    self.away.note(&error.to_string());
                    deadline
                }
                Err(_elapsed) => {
                    self.away.note("it did not answer in time");
                    return Err(Reason::NetworkViewAway);
                }
            };
            let now = Instant::now();
            if now >= deadline {
                return Err(Reason::NetworkViewAway);
            }
            sleep_until((now + pause).min(until)).await;
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
    }
}

impl<N> fmt::Debug for Agent<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("view", &self.view).finish_non_exhaustive()
    }
}

/// What an owner of an address is to the API.
fn identity(owner: PortOwner, origin: &Origin) -> Identity {
    Identity {
        instance: owner.instance,
        project: owner.project,
        address: Some(origin.address),
        vouched_port: Some(owner.port),
        found_in: None,
    }
}

/// Whether it is for a document, and shows no session token.
fn only_reads(request: &GuestRequest<Origin>, resource: Resource) -> bool {
    request.method == Method::GET
        && resource == Resource::Document
        && !shows_token(&request.headers)
}

fn shows_token(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| TOKEN_HEADERS.contains(name))
}

fn reason_of(refusal: LookupRefusal) -> Reason {
    match refusal {
        LookupRefusal::UnknownScope => Reason::UnknownScope,
        LookupRefusal::NoPort => Reason::NoPort,
        LookupRefusal::SeveralPorts => Reason::SeveralPorts,
        LookupRefusal::NoInstance => Reason::NoInstance,
    }
}
