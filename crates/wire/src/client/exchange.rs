//! One try: one request on one connection, and its whole answer.

use std::{error::Error, sync::atomic::Ordering};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::SendRequest;

use super::{plain, upstream::Upstream};
use crate::{
    headers::{AnswerHeaders, HeaderList},
    limits::RESPONSE_BODY_BYTES_MAX,
};

/// A request ready to be sent, once or again.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) fields: HeaderList,
    pub(super) body: Bytes,
}

/// An answer read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: AnswerHeaders,
    pub(super) body: Bytes,
}

/// Why a try brought no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TryError {
    /// Not a byte of the request was sent.
    #[error("could not connect: {0}")]
    NotSent(String),
    /// The connection broke; how far the request came is unknown.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// A connection kept for reuse had died meanwhile.
    #[error("a kept connection was no longer open: {0}")]
    Stale(String),
    /// What came back is no answer.
    #[error("the answer is not one: {0}")]
    Nonsense(String),
}

/// Sends `outgoing` to `upstream`. Only a request that may be repeated is risked on a connection
/// that was kept: such a one may have died unnoticed, and then nobody knows how far it came.
pub(super) async fn exchange(
    upstream: &Upstream,
    outgoing: &Outgoing,
    may_repeat: bool,
) -> Result<Answer, TryError> {
    if may_repeat && outgoing.body.is_empty() && upstream.answers_plainly() {
        match plain::exchange(upstream, outgoing).await {
            Ok(answer) => return Ok(answer),
            Err(plain::Failure::Try(error)) => return Err(error),
            Err(plain::Failure::Unusual) => {
                upstream.unusual.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    // On the heap: it is large, and between hops of ours seldom needed.
    Box::pin(exchange_at_length(upstream, outgoing, may_repeat)).await
}

/// The same with all that the protocol has.
async fn exchange_at_length(
    upstream: &Upstream,
    outgoing: &Outgoing,
    may_repeat: bool,
) -> Result<Answer, TryError> {
    let kept = if may_repeat { upstream.pool.take().await } else { None };
    let reused = kept.is_some();
    let sender = match kept {
        Some(sender) => sender,
        None => upstream.connect().await.map_err(|error| TryError::NotSent(chain(&error)))?,
    };
    let answered = converse(sender, upstream, outgoing).await;
    match answered {
        Ok((answer, sender)) => {
            upstream.pool.keep(sender);
            Ok(answer)
        }
        Err(TryError::Broken(why) | TryError::NotSent(why)) if reused => {
            upstream.pool.clear();
            Err(TryError::Stale(why))
        }
        Err(error) => Err(error),
    }
}

async fn converse(
    mut sender: SendRequest<Full<Bytes>>,
    upstream: &Upstream,
    outgoing: &Outgoing,
) -> Result<(Answer, SendRequest<Full<Bytes>>), TryError> {
    let mut request = Request::new(Full::new(outgoing.body.clone()));
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = outgoing.uri.clone();
    *request.headers_mut() = outgoing.fields.to_map();
    request.headers_mut().insert(header::HOST, upstream.host().clone());
    let response = sender.try_send_request(request).await.map_err(|mut error| {
        let unsent = error.take_message().is_some();
        let error = error.into_error();
        if unsent {
            TryError::NotSent(chain(&error))
        } else if error.is_parse() || error.is_parse_too_large() {
            TryError::Nonsense(chain(&error))
        } else {
            TryError::Broken(chain(&error))
        }
    })?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, RESPONSE_BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            TryError::Nonsense("its body is larger than any answer of this service".to_owned())
        } else {
            TryError::Broken(chain(&*error))
        }
    })?;
    let mut headers = AnswerHeaders::of(&head.headers)
        .ok_or_else(|| TryError::Nonsense("one of its headers is none".to_owned()))?;
    if outgoing.method == Method::HEAD
        && let Some(length) = head.headers.get(header::CONTENT_LENGTH)
    {
        headers.for_guest.insert(header::CONTENT_LENGTH, length.clone());
    }
    Ok((Answer { status: head.status, headers, body: body.to_bytes() }, sender))
}

/// An error with all its causes: hyper's own messages leave them out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
