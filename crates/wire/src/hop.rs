//! The seam between proxy, agent and API: request in, response out.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, uri::PathAndQuery};
use innkeeper_model::InstanceId;
use tokio::time::Instant;

use crate::{Reason, RequestId};

/// Room for the headers of a guest's request or answer, with those that a hop adds: nearly all have
/// no more, and a map that has room for one more has it for twelve, which is more than the allocator
/// has at hand.
pub(crate) const HEADERS_ROOM: usize = 6;

/// The next hop on a request's way. `Who` is what the request is known by there: an
/// [`Origin`](innkeeper_model::Origin) at the agent, an [`Identity`](innkeeper_model::Identity) at
/// the API.
///
/// A hop always answers, within the request's deadline: failures are responses too.
pub trait NextHop<Who>: Send + Sync + 'static {
    /// Takes the request on and brings the answer back.
    fn call(&self, request: GuestRequest<Who>) -> impl Future<Output = GuestResponse> + Send;

    /// Answers at once where nothing has to be waited for or asked, as nearly always when the same
    /// was asked before. The answer is the one that [`NextHop::call`] would bring.
    ///
    /// This is for speed alone: what may wait carries its whole state from hop to hop, copied
    /// several times on its way.
    fn call_now(&self, request: GuestRequest<Who>) -> Now<Who> {
        Now::Later(request)
    }

    /// Whether it ever answers at once: if not, it is not worth while to try.
    fn may_answer_now(&self) -> bool {
        false
    }
}

/// What is said at once.
#[derive(Debug)]
pub enum Now<Who> {
    /// The answer.
    Answered(GuestResponse),
    /// The request, to be [called](NextHop::call) with.
    Later(GuestRequest<Who>),
}

impl<Who: Send + 'static, T: NextHop<Who>> NextHop<Who> for Arc<T> {
    async fn call(&self, request: GuestRequest<Who>) -> GuestResponse {
        T::call(self, request).await
    }

    fn call_now(&self, request: GuestRequest<Who>) -> Now<Who> {
        T::call_now(self, request)
    }

    fn may_answer_now(&self) -> bool {
        T::may_answer_now(self)
    }
}

/// What a guest asked, reduced to what may travel inward.
#[derive(Debug, Clone)]
pub struct GuestRequest<Who> {
    /// Who asks, as far as this hop knows.
    pub who: Who,
    /// The guest's method.
    pub method: Method,
    /// The guest's path and query, as it wrote them.
    pub target: PathAndQuery,
    /// Allow-listed headers only, none of which says who asks; shared, since a hop may ask twice.
    pub headers: Arc<HeaderMap>,
    /// The whole body.
    pub body: Bytes,
    /// Names the request in every hop's log.
    pub request_id: RequestId,
    /// When the next hop must have answered.
    pub deadline: Instant,
}

impl<Who> GuestRequest<Who> {
    /// The same request, known by something else and due at `deadline` or before.
    pub fn identified<Other>(self, who: Other, deadline: Instant) -> GuestRequest<Other> {
        GuestRequest {
            who,
            method: self.method,
            target: self.target,
            headers: self.headers,
            body: self.body,
            request_id: self.request_id,
            deadline: deadline.min(self.deadline),
        }
    }

    /// Whether asking twice does no more than asking once.
    pub fn may_repeat(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// What the guest is answered, with the report of every hop behind.
#[derive(Debug, Clone)]
pub struct GuestResponse {
    /// The status.
    pub status: StatusCode,
    /// Headers for the guest. Content-Length only where it is not the body's (HEAD).
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Why the answer is what it is.
    pub reason: Reason,
    /// The machine that was answered, once some hop knew it; for logs.
    pub instance: Option<InstanceId>,
    /// The hops behind, the farthest first.
    pub reports: Vec<HopReport>,
}

impl GuestResponse {
    /// An answer without hops behind it.
    pub fn new(status: StatusCode, content_type: HeaderValue, body: Bytes, reason: Reason) -> Self {
        let mut headers = HeaderMap::with_capacity(HEADERS_ROOM);
        headers.insert(header::CONTENT_TYPE, content_type);
        Self { status, headers, body, reason, instance: None, reports: Vec::new() }
    }

    /// A refusal or failure with a one-line text body; the status is the reason's.
    pub fn refusal(reason: Reason, text: &'static str) -> Self {
        let content_type = HeaderValue::from_static("text/plain; charset=UTF-8");
        let mut response =
            Self::new(reason.status(), content_type, Bytes::from_static(text.as_bytes()), reason);
        if response.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// Adds this hop's own report behind those of the hops it asked.
    #[must_use]
    pub fn reported(mut self, hop: Hop, took: Duration) -> Self {
        self.reports.push(HopReport { hop, took, reason: self.reason });
        self
    }
}

/// A station on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// The listener in the namespace.
    Proxy,
    /// Origin to identity.
    Agent,
    /// Identity to document.
    Api,
}

impl Hop {
    /// Its name in logs and headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Agent => "agent",
            Self::Api => "api",
        }
    }
}

/// What one hop says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopReport {
    /// Which hop.
    pub hop: Hop,
    /// How long it had the request, the hops behind it included.
    pub took: Duration,
    /// Why it answered as it did.
    pub reason: Reason,
}
