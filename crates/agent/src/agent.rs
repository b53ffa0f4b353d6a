use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::Method;
use innkeeper_model::{Identity, LookupRefusal, Origin, PortOwner};
use innkeeper_network_view::{LookupError, NetworkView};
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Reason,
    headers::{EC2_TOKEN, EC2_TOKEN_TTL},
    limits::{AGENT_HOLD, RETRY_PAUSE_MAX, RETRY_PAUSE_MIN, UNKNOWN_PORT_HOLD},
    metrics::HopMetrics,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{SessionTokens, holding::Holding, methods::Resource};

/// What every guest is told who is not known, for whatever reason.
const NOT_FOUND: &str = "Instance was not found.\n";

/// Finds out who asks and hands the request on in its name.
pub struct Agent<N> {
    view: NetworkView,
    next: Arc<N>,
    tokens: SessionTokens,
    metrics: HopMetrics,
    holding: Holding,
    /// Whether the log already says that the view cannot be asked.
    noted_away: AtomicBool,
}

impl<N> Agent<N> {
    /// An agent that looks askers up in `view` and asks `next`.
    pub fn new(
        view: NetworkView,
        next: Arc<N>,
        tokens: SessionTokens,
        metrics: HopMetrics,
    ) -> Self {
        let noted_away = AtomicBool::new(false);
        Self { view, next, tokens, metrics, holding: Holding::default(), noted_away }
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
}

impl<N: NextHop<Identity>> Agent<N> {
    async fn answer(&self, request: GuestRequest<Origin>) -> GuestResponse {
        let resource = Resource::of(&request.target);
        if let Some(refusal) = resource.refusal(&request.method) {
            return refusal;
        }
        let deadline = request.deadline.min(Instant::now() + AGENT_HOLD);
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
                self.note_present();
                owner
            }
            // On the heap: what all requests carry along is small without it.
            None => Box::pin(self.find(&request.who, deadline)).await?,
        };
        let identity = Identity {
            instance: owner.instance,
            project: owner.project,
            address: Some(request.who.address),
            vouched_port: Some(owner.port),
        };
        let mut response = if resource == Resource::Token && request.method == Method::PUT {
            self.tokens.give(owner.instance, &request.headers)
        } else if let Some(refusal) = self.tokens.refusal(owner.instance, &request.headers) {
            refusal
        } else {
            let mut inward = request.clone().identified(identity, deadline);
            inward.headers.remove(EC2_TOKEN);
            inward.headers.remove(EC2_TOKEN_TTL);
            self.next.call(inward).await
        };
        response.instance = Some(owner.instance);
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
                    self.note_present();
                    return Ok(owner);
                }
                Ok(Err(LookupError::Refused(refusal))) => {
                    self.note_present();
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
                    self.note_away(&error.to_string());
                    deadline
                }
                Err(_elapsed) => {
                    self.note_away("it did not answer in time");
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

    fn note_away(&self, error: &str) {
        if !self.noted_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the network view cannot be asked; requests are held");
        }
    }

    fn note_present(&self) {
        if self.noted_away.load(Ordering::Relaxed) && self.noted_away.swap(false, Ordering::Relaxed)
        {
            tracing::info!("the network view can be asked again");
        }
    }
}

impl<N> fmt::Debug for Agent<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("view", &self.view).finish_non_exhaustive()
    }
}

fn reason_of(refusal: LookupRefusal) -> Reason {
    match refusal {
        LookupRefusal::UnknownScope => Reason::UnknownScope,
        LookupRefusal::NoPort => Reason::NoPort,
        LookupRefusal::SeveralPorts => Reason::SeveralPorts,
        LookupRefusal::NoInstance => Reason::NoInstance,
    }
}
