//! One service with its memory: answers that are kept, and whether it counts as away.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rustls::ClientConfig;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    Target, VendorDataConfig,
    answers::{Answers, Awaited, Flight, Found, Outcome},
    breaker::Breaker,
    exchange::{Answer, Exchange},
    question::Question,
};

/// How long a failure is kept: a guest's retries in quick succession are spared the wait, and a
/// service that recovers is soon asked again.
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);
/// Requests to one service at once, one connection each; others wait for their turn.
const REQUESTS_MAX: usize = 256;

/// A service that is asked for each machine.
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    exchange: Exchange,
    breaker: Breaker,
    answers: Answers,
    answer_lifetime: Duration,
    turns: Semaphore,
    turn_timeout: Duration,
}

impl Service {
    pub(crate) fn new(
        target: &Target,
        config: &VendorDataConfig,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Self {
        Self {
            name: target.name().to_owned(),
            exchange: Exchange::new(target.url(), config, tls),
            breaker: Breaker::new(target.name()),
            answers: Answers::new(config.cache_entries),
            answer_lifetime: Duration::from_secs(config.cache_seconds),
            turns: Semaphore::new(REQUESTS_MAX),
            turn_timeout: config.read_timeout,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the service says, if it says so before `deadline`. Asking goes on after that: the
    /// guest's next request may find the answer.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        question: &Question,
        deadline: Instant,
    ) -> Outcome {
        let awaited = match self.answers.find(question.key) {
            Found::Kept(awaited) => awaited,
            Found::Nothing(flight, awaited) => {
                let (service, body) = (Arc::clone(self), question.body.clone());
                tokio::spawn(async move { service.fly(flight, body).await });
                awaited
            }
        };
        self.arrival(awaited, deadline).await
    }

    async fn arrival(&self, mut awaited: Awaited, deadline: Instant) -> Outcome {
        let arrived = timeout_at(deadline, awaited.wait_for(Option::is_some)).await;
        match arrived {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err("nothing was said".into())),
            Ok(Err(_closed)) => Err("it could not be asked: the process is stopping".into()),
            Err(_elapsed) => {
                tracing::warn!(
                    target_name = %self.name,
                    "a guest's time was up before the vendor data service answered"
                );
                Err("it did not answer within the time that the guest's request has left".into())
            }
        }
    }

    async fn fly(&self, flight: Flight, body: Bytes) {
        match self.ask(body).await {
            Ok(Answer { value, bytes }) => {
                self.answers.settle(flight, Ok(Arc::new(value)), bytes, self.answer_lifetime);
            }
            Err(reason) => {
                let lifetime = self.answer_lifetime.min(FAILURE_LIFETIME);
                self.answers.settle(flight, Err(reason.into()), 0, lifetime);
            }
        }
    }

    async fn ask(&self, body: Bytes) -> Result<Answer, String> {
        let Ok(Ok(_turn)) = timeout(self.turn_timeout, self.turns.acquire()).await else {
            tracing::warn!(
                target_name = %self.name,
                "too many requests wait for the vendor data service; it is too slow"
            );
            return Err("too many requests wait for it already".to_owned());
        };
        // The change to this state was logged, once.
        let Some(leave) = self.breaker.enter() else {
            return Err("it failed several times in a row and is not asked for now".to_owned());
        };
        match self.exchange.ask(body).await {
            Ok(answer) => {
                leave.present();
                Ok(answer)
            }
            Err(error) => {
                let url = self.exchange.url();
                tracing::warn!(
                    target_name = %self.name,
                    %url,
                    %error,
                    "a vendor data service failed"
                );
                if error.is_away() {
                    leave.away();
                } else {
                    leave.present();
                }
                Err(format!("{error} (at {url})"))
            }
        }
    }
}
