//! One request: its body is read within limits, a handler answers it, a panic becomes a 500.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{Method, Request, Response, header, request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Handler, closing};
use crate::{
    Reason,
    limits::{BODY_TIMEOUT, REQUEST_BODY_BYTES_MAX},
};

/// Answers one request of `peer`, whatever happens. Notes in `has_asked_all` that there will be no
/// other and that nothing of this one is unread.
pub(super) async fn answer<P, H: Handler<P>>(
    handler: &H,
    peer: &P,
    budget: &Arc<Semaphore>,
    has_asked_all: &AtomicBool,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    // Whatever its target: a success would turn the connection into a tunnel at every hop.
    if head.method == Method::CONNECT {
        return closing(handler.refuse(peer, Reason::BadRequest));
    }
    let body = match timeout(BODY_TIMEOUT, collect(body, budget)).await {
        Ok(Ok(body)) => body,
        Ok(Err(reason)) => return closing(handler.refuse(peer, reason)),
        Err(_elapsed) => return closing(handler.refuse(peer, Reason::SlowRequest)),
    };
    if is_last(&head) {
        has_asked_all.store(true, Ordering::Relaxed);
    }
    answered(handler, peer, head, body.bytes).await
}

/// Has a whole request answered; a panic becomes a 500.
pub(super) async fn answered<P, H: Handler<P>>(
    handler: &H,
    peer: &P,
    head: request::Parts,
    body: Bytes,
) -> Response<Full<Bytes>> {
    match AssertUnwindSafe(handler.handle(peer, head, body)).catch_unwind().await {
        Ok(response) => response,
        Err(_panic) => {
            tracing::error!("a request's handler panicked; its guest is answered 500");
            closing(handler.refuse(peer, Reason::Internal))
        }
    }
}

/// Whether the peer says that no request follows: it may not send anything after that (RFC 9112
/// §9.6).
fn is_last(head: &request::Parts) -> bool {
    let mut said = head.headers.get_all(header::CONNECTION).iter();
    said.any(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// A body and its share of the memory that all bodies may take.
struct CollectedBody {
    bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Reads the whole body. Trailers are dropped: nothing of ours is ever said in one.
async fn collect(mut body: Incoming, budget: &Arc<Semaphore>) -> Result<CollectedBody, Reason> {
    if body.is_end_stream() {
        return Ok(CollectedBody { bytes: Bytes::new(), _share: None });
    }
    if body.size_hint().lower() > REQUEST_BODY_BYTES_MAX as u64 {
        return Err(Reason::BodyTooLarge);
    }
    let mut bytes = BytesMut::new();
    let mut share: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        // A body that breaks off or breaks its coding.
        let frame = frame.ok().ok_or(Reason::BadRequest)?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > REQUEST_BODY_BYTES_MAX - bytes.len() {
            return Err(Reason::BodyTooLarge);
        }
        let length = u32::try_from(data.len()).ok().ok_or(Reason::BodyTooLarge)?;
        let part = Arc::clone(budget).try_acquire_many_owned(length);
        let part = part.ok().ok_or(Reason::Overloaded)?;
        match &mut share {
            Some(share) => share.merge(part),
            None => share = Some(part),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(CollectedBody { bytes: bytes.freeze(), _share: share })
}
