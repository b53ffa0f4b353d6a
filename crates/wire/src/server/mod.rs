//! The HTTP/1.1 server of every role: it enforces the limits and reads whole requests, so that a
//! handler sees nothing but complete, bounded ones.

mod accept;
mod answer;
mod at_once;
mod connections;
mod patient_io;
mod plain;
mod refusal;
mod rewound;

use std::future::Future;

use bytes::Bytes;
use http::{HeaderValue, Response, header, request};
use http_body_util::Full;

use crate::{GuestResponse, Reason, headers};

pub use accept::{serve_tcp, serve_unix};
pub use at_once::{AtOnce, OnlyRequest, answer_at_once};
pub use connections::{Connections, Slot};
pub use refusal::refuse_visibly;

/// Answers whole requests; the server has already enforced limits and read the body.
pub trait Handler<Peer>: Send + Sync + 'static {
    /// Answers one request of `peer`.
    fn handle(
        &self,
        peer: &Peer,
        head: request::Parts,
        body: Bytes,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// Answers one request without a body where nothing has to be waited for. Nothing: it is to be
    /// [handled](Handler::handle) as any other, and nobody can tell that it was asked for before.
    fn handle_now(&self, _peer: &Peer, _head: &request::Parts) -> Option<Response<Full<Bytes>>> {
        None
    }

    /// Whether anything is ever handled at once.
    fn may_handle_now(&self) -> bool {
        false
    }

    /// A refusal of the server itself (400, 413, 408, 500 …), in this service's form. Asked for
    /// once per refused request: the place to count and log them.
    fn refuse(&self, _peer: &Peer, reason: Reason) -> Response<Full<Bytes>> {
        refusal::refusal(reason).into_http(false)
    }
}

impl GuestResponse {
    /// The answer as it goes onto a connection. With `trail` it carries the reason and the hop
    /// reports as headers, for one of our own hops; a guest is answered without.
    pub fn into_http(self, trail: bool) -> Response<Full<Bytes>> {
        let Self { status, headers: mut fields, body, reason, reports, instance } = self;
        headers::remove(&mut fields, &[headers::HOPS, headers::REASON, headers::INSTANCE]);
        if trail {
            fields.insert(headers::HOPS, headers::encode_hops(&reports));
            fields.insert(headers::REASON, HeaderValue::from_static(reason.as_str()));
            if let Some(instance) = instance {
                fields.insert(headers::INSTANCE, headers::id_value(&instance));
            }
        }
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = fields;
        response
    }
}

/// Marks a response as the last one on its connection.
fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
