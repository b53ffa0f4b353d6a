//! Forwarding with patience: the next hop may be away for a moment, and guests should not notice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{StatusCode, Uri};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    exchange::{Answer, Outgoing, TryError, exchange},
    upstream::Upstream,
};
use crate::{
    GuestRequest, GuestResponse, Reason,
    headers::{AnswerHeaders, HeaderList},
    limits::{RETRY_PAUSE_MAX, RETRY_PAUSE_MIN, TRY_TIMEOUT, UPSTREAM_REQUESTS_MAX},
    target::path_of,
};

/// Sends requests to a next hop, at one address or several, until it answers or the request's
/// deadline is there.
#[derive(Debug)]
pub(super) struct Forwarder {
    upstreams: Vec<Upstream>,
    /// What it means that nobody answers.
    away: Reason,
    /// The address that answered last.
    preferred: AtomicUsize,
    /// Whether the log already says that nobody answers.
    noted_away: AtomicBool,
    /// Bounds connections in use.
    exchanges: Arc<Semaphore>,
}

/// What one try leads to.
enum Verdict {
    Answered(GuestResponse),
    /// There was no turn before the deadline.
    TooLate,
    /// Ask again; if there is no time left, answer this.
    Again {
        else_answer: GuestResponse,
        at_once: bool,
    },
}

impl Forwarder {
    pub(super) fn new(upstreams: Vec<Upstream>, away: Reason) -> Self {
        Self {
            upstreams,
            away,
            preferred: AtomicUsize::new(0),
            noted_away: AtomicBool::new(false),
            exchanges: Arc::new(Semaphore::new(UPSTREAM_REQUESTS_MAX)),
        }
    }

    /// Forwards `request` with exactly `fields` as its headers.
    pub(super) async fn forward<Who>(
        &self,
        request: GuestRequest<Who>,
        fields: HeaderList,
    ) -> GuestResponse {
        let (may_repeat, deadline) = (request.may_repeat(), request.deadline);
        let outgoing = match outgoing(request, fields) {
            Ok(outgoing) => outgoing,
            Err(reason) => return GuestResponse::refusal(reason, "The request is malformed.\n"),
        };
        let mut pause = RETRY_PAUSE_MIN;
        let mut fallback = None;
        loop {
            let at_once = match self.attempt(&outgoing, may_repeat, deadline).await {
                Verdict::TooLate => return fallback.unwrap_or_else(|| self.away()),
                Verdict::Answered(answer) => return answer,
                Verdict::Again { else_answer, at_once } => {
                    fallback = Some(else_answer);
                    at_once
                }
            };
            if !at_once {
                // The last try comes just before the deadline, with time left to be answered.
                let (now, last) = (Instant::now(), deadline - RETRY_PAUSE_MIN);
                if now >= last {
                    return fallback.unwrap_or_else(|| self.away());
                }
                sleep_until((now + pause).min(last)).await;
                pause = (pause * 2).min(RETRY_PAUSE_MAX);
            }
        }
    }

    /// One try at the address that answered last, or at the next one where that failed before.
    async fn attempt(&self, outgoing: &Outgoing, may_repeat: bool, deadline: Instant) -> Verdict {
        let index = self.preferred.load(Ordering::Relaxed);
        let Some(upstream) = self.upstreams.get(index % self.upstreams.len().max(1)) else {
            return Verdict::Answered(self.away());
        };
        let Ok(_exchange) = timeout_at(deadline, self.exchanges.acquire()).await else {
            return Verdict::TooLate;
        };
        // With somebody else to ask, silence is not waited out.
        let until = if may_repeat && self.upstreams.len() > 1 {
            deadline.min(Instant::now() + TRY_TIMEOUT)
        } else {
            deadline
        };
        let tried = timeout_at(until, exchange(upstream, outgoing, may_repeat)).await;
        let error = match tried {
            Ok(Ok(answer)) => return self.judge(upstream, index, may_repeat, answer),
            Ok(Err(error)) => error,
            Err(_elapsed) => TryError::Broken("it did not answer in time".to_owned()),
        };
        if let TryError::Stale(_) = error {
            return Verdict::Again { else_answer: self.away(), at_once: true };
        }
        self.note_failure(upstream, index, &error);
        match error {
            TryError::NotSent(_) | TryError::Stale(_) => self.again(),
            TryError::Broken(_) if may_repeat => self.again(),
            TryError::Broken(_) => Verdict::Answered(self.away()),
            TryError::Nonsense(_) => Verdict::Answered(bad_upstream()),
        }
    }

    /// Whether an answer is the guest's, or only says that the next hop is away.
    fn judge(
        &self,
        upstream: &Upstream,
        index: usize,
        may_repeat: bool,
        answer: Answer,
    ) -> Verdict {
        if answer.status.is_redirection() && answer.status != StatusCode::NOT_MODIFIED {
            tracing::warn!(%upstream, status = answer.status.as_u16(),
                "the next hop redirects; configure the address it redirects to");
            return Verdict::Answered(bad_upstream());
        }
        let ours = answer.headers.reason;
        if upstream.is_ours.load(Ordering::Relaxed) != ours.is_some() {
            upstream.is_ours.store(ours.is_some(), Ordering::Relaxed);
        }
        let away = matches!(answer.status.as_u16(), 502..=504);
        let response = self.response(answer);
        // A hop of ours that answers so has itself held the request, unless it had no room for it.
        let again = away && may_repeat && ours.is_none_or(|reason| reason == Reason::Overloaded);
        if again {
            self.turn_from(index);
            return Verdict::Again { else_answer: response, at_once: false };
        }
        if self.noted_away.swap(false, Ordering::Relaxed) {
            tracing::info!(%upstream, "the next hop answers again");
        }
        Verdict::Answered(response)
    }

    fn response(&self, Answer { status, headers, body }: Answer) -> GuestResponse {
        let AnswerHeaders { for_guest, reason, instance, reports } = headers;
        let reason = reason.unwrap_or_else(|| self.reason_of(status));
        GuestResponse { status, headers: for_guest, body, reason, instance, reports }
    }

    /// The reason of an answer whose hop gives none.
    fn reason_of(&self, status: StatusCode) -> Reason {
        match status.as_u16() {
            200..=399 => Reason::Served,
            403 => Reason::BadSignature,
            404 => Reason::NoSuchPath,
            409 => Reason::PasswordSet,
            413 => Reason::BodyTooLarge,
            400..=499 => Reason::BadRequest,
            503 => self.away,
            _ => Reason::BadUpstream,
        }
    }

    fn again(&self) -> Verdict {
        Verdict::Again { else_answer: self.away(), at_once: false }
    }

    fn away(&self) -> GuestResponse {
        GuestResponse::refusal(
            self.away,
            "The metadata service is temporarily unavailable. Try again.\n",
        )
    }

    fn note_failure(&self, upstream: &Upstream, index: usize, error: &TryError) {
        self.turn_from(index);
        if !self.noted_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%upstream, %error, "the next hop does not answer; requests are held");
        }
    }

    /// The next request goes to the next address, unless another request has turned already.
    fn turn_from(&self, index: usize) {
        let _ = self.preferred.compare_exchange(
            index,
            index.wrapping_add(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
}

fn outgoing<Who>(request: GuestRequest<Who>, fields: HeaderList) -> Result<Outgoing, Reason> {
    let uri = Uri::from(path_of(&Uri::from(request.target))?);
    Ok(Outgoing { method: request.method, uri, fields, body: request.body })
}

fn bad_upstream() -> GuestResponse {
    GuestResponse::refusal(Reason::BadUpstream, "The metadata service gave no proper answer.\n")
}

const _: () =
    assert!(RETRY_PAUSE_MIN.as_nanos() > Duration::ZERO.as_nanos(), "or tries would spin");

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Method, uri::PathAndQuery};

    use super::*;
    use crate::RequestId;

    #[tokio::test(start_paused = true)]
    async fn who_gets_no_turn_before_the_deadline_is_told_so_then() {
        let nobody = Upstream::unix("/nonexistent".into());
        let mut forwarder = Forwarder::new(vec![nobody], Reason::AgentAway);
        forwarder.exchanges = Arc::new(Semaphore::new(0));
        let (begun, patience) = (Instant::now(), Duration::from_secs(3));
        let request = GuestRequest {
            who: (),
            method: Method::GET,
            target: PathAndQuery::from_static("/"),
            headers: Arc::default(),
            body: Bytes::new(),
            request_id: RequestId::random(),
            deadline: begun + patience,
        };
        let answer = forwarder.forward(request, HeaderList::default()).await;
        assert_eq!((answer.reason, begun.elapsed()), (Reason::AgentAway, patience));
    }
}
