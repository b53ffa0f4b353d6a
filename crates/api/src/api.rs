//! Identity to document.

use std::{future::Future, sync::Arc};

use http::Method;
use innkeeper_documents::{CivilDate, Entry, GuestTree, Rendered, Settings};
use innkeeper_model::{GuestRecord, Identity, OriginScope};
use innkeeper_store::{CACHE_BYTES_DEFAULT, KeptRecord, Store};
use innkeeper_vendor_data::{Answers, CurrentSettings};
use innkeeper_wire::{
    GuestRequest, GuestResponse, Hop, NextHop, Now, Reason, limits::API_HOLD, metrics::HopMetrics,
};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

use crate::{
    Sources, addresses,
    answer::{self, Refusal},
    asker::Asker,
    holding,
    kept_answers::{KeptAnswers, Question},
    password,
};

/// What Nova says to every method on a password but two.
const PASSWORD_METHODS: &str = "GET and POST only are supported.";

/// Answers machines with their own documents.
///
/// It has the store say what is so for every request: an answer is never older than the last
/// acknowledged change, and who owns a machine is checked each time. What was rendered for a record
/// is rendered again only when it is another.
#[derive(Debug)]
pub struct Api {
    store: Store,
    settings: Arc<CurrentSettings>,
    sources: Sources,
    metrics: HopMetrics,
    kept: KeptAnswers,
}

impl Api {
    /// Serves the machines of `store`, and counts in `metrics` whoever asks, by whatever way.
    pub fn new(
        store: Store,
        settings: Arc<CurrentSettings>,
        sources: Sources,
        metrics: HopMetrics,
    ) -> Self {
        Self { store, settings, sources, metrics, kept: KeptAnswers::new(CACHE_BYTES_DEFAULT) }
    }

    /// The same, keeping up to `bytes_max` bytes of what it rendered in memory.
    #[must_use]
    pub fn with_cache(self, bytes_max: usize) -> Self {
        Self { kept: KeptAnswers::new(bytes_max), ..self }
    }

    pub(crate) const fn metrics(&self) -> &HopMetrics {
        &self.metrics
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Counts and reports what `answering` comes to.
    pub(crate) async fn counted(
        &self,
        method: &Method,
        answering: impl Future<Output = GuestResponse>,
    ) -> GuestResponse {
        let in_flight = self.metrics.begin();
        let response = answer::for_method(method, answering.await);
        let took = in_flight.finish(response.reason);
        response.reported(Hop::Api, took)
    }

    /// What `request` is answered, not counted yet.
    pub(crate) async fn answer(&self, request: &GuestRequest<Asker>) -> GuestResponse {
        let deadline = request.deadline.min(Instant::now() + API_HOLD);
        let record = self.record_of(&request.who, deadline).await;
        // Who was found before may be somebody else by now.
        let is_sure = request.who.found_in.is_none() || record.is_ok();
        let answered = match record {
            Ok(record) => self.document(request, &record, deadline).await,
            Err(reason) => Err(reason.into()),
        };
        let mut response = answered.unwrap_or_else(|refusal| refusal.answer(&request.headers));
        response.instance = Some(request.who.instance).filter(|_| is_sure);
        response
    }

    /// The record of whoever asks, once it is certain that it is theirs. Read until that succeeds
    /// or `deadline` is there.
    async fn record_of(&self, who: &Asker, deadline: Instant) -> Result<Arc<KeptRecord>, Reason> {
        if let Some(scope) = who.found_in
            && !self.is_known_to_be_found(who)
        {
            Box::pin(self.find_again(who, scope, deadline)).await?;
        }
        let record = match self.store.kept_record(who.instance) {
            Some(record) => record,
            // On the heap: what all requests carry along is small without it.
            None => {
                let read = || self.store.current_record(who.instance);
                let record = Box::pin(holding::read(deadline, &who.instance, read)).await?;
                record.ok_or(Reason::UnknownInstance)?
            }
        };
        may_read(who, &record)?;
        Ok(record)
    }

    /// Whether it is certain, without reading, that whoever was found there before is still found
    /// there.
    fn is_known_to_be_found(&self, who: &Asker) -> bool {
        let Some(scope) = who.found_in else { return true };
        let kept = who.origin_in(scope).and_then(|origin| self.store.kept_owner(&origin));
        kept.is_some_and(|owner| who.is(&owner))
    }

    /// The port may still have its address while its network is another router's by now.
    async fn find_again(
        &self,
        who: &Asker,
        scope: OriginScope,
        deadline: Instant,
    ) -> Result<(), Reason> {
        let origin = who.origin_in(scope).ok_or(Reason::StaleAddress)?;
        let found = holding::read(deadline, &origin, || self.store.port_owner(&origin)).await?;
        found.ok().filter(|owner| who.is(owner)).map(|_| ()).ok_or(Reason::StaleAddress)
    }

    /// What `request` is answered if the store need not be read nor anybody asked. Only what is served
    /// is said so: everything else is found out again, by the long way.
    pub(crate) fn answer_now(&self, request: &GuestRequest<Asker>) -> Option<GuestResponse> {
        if !self.is_known_to_be_found(&request.who) {
            return None;
        }
        let record = self.store.kept_record(request.who.instance)?;
        may_read(&request.who, &record).ok()?;
        let (settings, today) = (self.settings.now(), self.sources.today());
        let document = self.document_at_hand(request, &record, &settings, today)?;
        let mut response = answer::rendered(&document, &self.sources);
        response.instance = Some(request.who.instance);
        Some(response)
    }

    /// The document that `request` reads, if nobody has to be asked for it: kept, or rendered.
    fn document_at_hand(
        &self,
        request: &GuestRequest<Asker>,
        record: &KeptRecord,
        settings: &Arc<Settings>,
        today: CivilDate,
    ) -> Option<Rendered> {
        let question = Question::of(request, record, settings, today)?;
        if let Some(kept) = self.kept.find(&question) {
            return Some(kept);
        }
        let path = percent_decode_str(request.target.path()).decode_utf8().ok()?;
        let tree =
            GuestTree::new(record, settings, today).asked_from(request.who.shown_address.as_ref());
        let entry = tree.get(&path)?;
        if matches!(&entry, Entry::File(file) if file.needs_dynamic_vendor_data()) {
            return None;
        }
        let rendered = entry.rendered();
        self.kept.keep(question, &rendered);
        Some(rendered)
    }

    async fn document(
        &self,
        request: &GuestRequest<Asker>,
        record: &KeptRecord,
        deadline: Instant,
    ) -> Result<GuestResponse, Refusal> {
        let (settings, today) = (self.settings.now(), self.sources.today());
        if let Some(document) = self.document_at_hand(request, record, &settings, today) {
            return Ok(answer::rendered(&document, &self.sources));
        }
        let tree =
            GuestTree::new(record, &settings, today).asked_from(request.who.shown_address.as_ref());
        // What is not UTF-8 names nothing of ours.
        let path = percent_decode_str(request.target.path()).decode_utf8();
        let path = path.ok().ok_or(Reason::NoSuchPath)?;
        let answers;
        let mut entry = tree.get(&path).ok_or(Reason::NoSuchPath)?;
        if let Entry::File(file) = &entry
            && file.needs_dynamic_vendor_data()
        {
            answers = Box::pin(self.answers_about(record, deadline)).await?;
            let tree = tree.clone().with_dynamic_vendor_data(&answers);
            entry = tree.get(&path).ok_or(Reason::NoSuchPath)?;
        }
        // Every method reads every document, but for the password.
        if let Entry::File(file) = &entry
            && file.is_password()
            && request.method != Method::GET
        {
            if request.method != Method::POST {
                return Err(Refusal::explained(Reason::BadRequest, PASSWORD_METHODS));
            }
            Box::pin(password::post(&self.store, record, &request.body, deadline)).await?;
            return Ok(answer::password_kept());
        }
        Ok(answer::rendered(&entry.rendered(), &self.sources))
    }

    async fn answers_about(
        &self,
        record: &GuestRecord,
        deadline: Instant,
    ) -> Result<Answers, Reason> {
        self.settings.answers_about(record, deadline).await.map_err(|error| {
            tracing::warn!(instance = %record.instance.id, %error, "there is no vendor data");
            Reason::VendorDataFailed
        })
    }
}

impl NextHop<Identity> for Api {
    async fn call(&self, request: GuestRequest<Identity>) -> GuestResponse {
        let (who, deadline) = (request.who.clone(), request.deadline);
        let request = request.identified(Asker::from(who), deadline);
        self.counted(&request.method, self.answer(&request)).await
    }

    fn call_now(&self, request: GuestRequest<Identity>) -> Now<Identity> {
        let in_flight = self.metrics.begin();
        let (who, deadline) = (request.who.clone(), request.deadline);
        let request = request.identified(Asker::from(who.clone()), deadline);
        match self.answer_now(&request) {
            Some(response) => {
                let took = in_flight.finish(response.reason);
                Now::Answered(response.reported(Hop::Api, took))
            }
            None => Now::Later(request.identified(who, deadline)),
        }
    }

    fn may_answer_now(&self) -> bool {
        true
    }
}

/// Whether a record is that of whoever asks.
fn may_read(who: &Asker, record: &GuestRecord) -> Result<(), Reason> {
    if who.project.as_ref().is_some_and(|project| *project != record.instance.project_id) {
        return Err(Reason::TenantMismatch);
    }
    match who.address {
        // The address was another machine's a moment ago, or is by now.
        Some(address) if !addresses::still_hold(address, who.vouched_port, record) => {
            Err(Reason::StaleAddress)
        }
        _ => Ok(()),
    }
}
