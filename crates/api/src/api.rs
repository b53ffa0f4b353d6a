//! Identity to document.

use http::{HeaderMap, Method};
use innkeeper_documents::{Entry, File, GuestTree, Settings};
use innkeeper_model::{GuestRecord, Identity, InstanceId};
use innkeeper_store::{Store, StoreError};
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Reason,
    limits::{API_HOLD, RETRY_PAUSE_MAX, RETRY_PAUSE_MIN},
    metrics::HopMetrics,
};
use percent_encoding::percent_decode_str;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Sources, addresses, answer};

/// What Nova says to every method on a password but two.
const PASSWORD_METHODS: &str = "GET and POST only are supported.";

/// Answers machines with their own documents.
///
/// It reads the database for every request: an answer is never older than the last acknowledged
/// change, and who owns a machine is checked each time.
#[derive(Debug)]
pub struct Api {
    store: Store,
    settings: Settings,
    sources: Sources,
    metrics: HopMetrics,
}

impl Api {
    /// Serves the machines of `store`, and counts in `metrics` whoever asks, by whatever way.
    pub const fn new(
        store: Store,
        settings: Settings,
        sources: Sources,
        metrics: HopMetrics,
    ) -> Self {
        Self { store, settings, sources, metrics }
    }

    pub(crate) const fn metrics(&self) -> &HopMetrics {
        &self.metrics
    }

    async fn answer(&self, request: &GuestRequest<Identity>) -> GuestResponse {
        let deadline = request.deadline.min(Instant::now() + API_HOLD);
        match self.record_of(&request.who, deadline).await {
            Ok(record) => self.document(request, &record),
            Err(reason) => answer::refusal(reason, &request.headers),
        }
    }

    /// The record of whoever asks, once it is certain that it is theirs.
    async fn record_of(&self, who: &Identity, deadline: Instant) -> Result<GuestRecord, Reason> {
        let record = self.read(who.instance, deadline).await?.ok_or(Reason::UnknownInstance)?;
        if record.instance.project_id != who.project {
            return Err(Reason::TenantMismatch);
        }
        match who.address {
            // The address was another machine's a moment ago, or is by now.
            Some(address) if !addresses::still_hold(address, who.vouched_port, &record) => {
                Err(Reason::StaleAddress)
            }
            _ => Ok(record),
        }
    }

    /// Reads until it succeeds or `deadline` is there: a machine that boots asks only once.
    async fn read(
        &self,
        instance: InstanceId,
        deadline: Instant,
    ) -> Result<Option<GuestRecord>, Reason> {
        let mut pause = RETRY_PAUSE_MIN;
        loop {
            let read = timeout_at(deadline, self.store.guest_record(instance));
            let error = match read.await {
                Ok(Ok(record)) => return Ok(record),
                Ok(Err(error)) => error,
                Err(_elapsed) => {
                    tracing::warn!(%instance, "the database did not answer in time");
                    return Err(Reason::StoreAway);
                }
            };
            if !error.is_retryable() {
                tracing::error!(%instance, %error, "an instance could not be read");
                return Err(Reason::Internal);
            }
            if Instant::now() + pause >= deadline {
                warn_away(instance, &error);
                return Err(Reason::StoreAway);
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
    }

    fn document(&self, request: &GuestRequest<Identity>, record: &GuestRecord) -> GuestResponse {
        let tree = GuestTree::new(record, &self.settings, self.sources.today())
            .asked_from(request.who.address);
        // What is not UTF-8 names nothing of ours.
        let path = percent_decode_str(request.target.path()).decode_utf8();
        match path.ok().and_then(|path| tree.get(&path)) {
            None => answer::refusal(Reason::NoSuchPath, &request.headers),
            Some(Entry::Directory(directory)) => answer::directory(&directory),
            Some(Entry::File(file)) => match password_refusal(&file, request) {
                Some(refusal) => refusal,
                None => answer::file(&file, &self.sources),
            },
        }
    }
}

impl NextHop<Identity> for Api {
    async fn call(&self, request: GuestRequest<Identity>) -> GuestResponse {
        let in_flight = self.metrics.begin();
        let response = self.answer(&request).await;
        let mut response = answer::for_method(&request.method, response);
        response.instance = Some(request.who.instance);
        let took = in_flight.finish(response.reason);
        response.reported(Hop::Api, took)
    }
}

/// Every method reads every document, but for the password.
fn password_refusal(file: &File<'_>, request: &GuestRequest<Identity>) -> Option<GuestResponse> {
    if !file.is_password() || request.method == Method::GET {
        return None;
    }
    let headers: &HeaderMap = &request.headers;
    if request.method == Method::POST {
        // Not found rather than success: a password that nobody keeps must not be reported kept.
        return Some(answer::refusal(Reason::NoSuchPath, headers));
    }
    Some(answer::explained(Reason::BadRequest, PASSWORD_METHODS, headers))
}

fn warn_away(instance: InstanceId, error: &StoreError) {
    tracing::warn!(%instance, %error, "the database could not be read while a request was held");
}
