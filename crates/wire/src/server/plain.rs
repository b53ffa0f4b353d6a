//! Requests that nearly all clients send, served without the protocol's general machinery.
//!
//! Of HTTP/1.1 a guest's client needs very little: GET or HEAD of a path, no body, one answer. That
//! much is read here with the same parser and to the same rules that hyper has, and answered to the
//! byte as hyper answers (a property test and a fuzz target compare the two), but that a head which
//! comes in pieces is refused as soon as it is none. With the first request that is anything else
//! the connection goes to hyper, with what has been read, and stays there.
//!
//! What it buys is in docs/benchmarks/profile.md.

use std::{
    pin::{Pin, pin},
    sync::atomic::Ordering,
};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, request,
};
use http_body_util::{BodyExt as _, Collected, Full};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{Handler, answer::answered, connections::Asked};
use crate::{
    headers::name_of,
    limits::{DRAIN, FIRST_REQUEST_GRACE, HEAD_TIMEOUT},
};

/// Bytes that are read at once: the head of a request has some hundred.
const READ_BYTES: usize = 1024;
/// Bytes of a head of this kind.
const PLAIN_HEAD_BYTES_MAX: usize = 4 * READ_BYTES;
/// Headers of a request of this kind: clients send three to eight.
const PLAIN_HEADERS_MAX: usize = 16;
/// Bytes of an answer's status line and headers, about.
pub(super) const ANSWER_HEAD_BYTES: usize = 256;

/// A connection and what is known of it.
pub(super) struct Conversation<'a, Io, P, H> {
    pub(super) io: Io,
    /// What was read and not yet understood.
    pub(super) read: BytesMut,
    pub(super) handler: &'a H,
    pub(super) peer: &'a P,
    pub(super) asked: &'a Asked,
}

/// How it went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The connection has ended.
    Ended,
    /// Something has come that is to be understood by the general machinery, and whole by then.
    Unusual(Instant),
}

impl<Io, P, H> Conversation<'_, Io, P, H>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send,
    P: Send + Sync + 'static,
    H: Handler<P>,
{
    /// Answers plain requests until the connection ends or one comes that is not plain.
    pub(super) async fn run(&mut self, stop: &CancellationToken) -> Outcome {
        let mut stopped = pin!(stop.cancelled());
        let mut timer = pin!(sleep_until(Instant::now() + HEAD_TIMEOUT));
        let mut written = Vec::with_capacity(ANSWER_HEAD_BYTES);
        let mut is_stopping = false;
        loop {
            let mut deadline = Instant::now() + HEAD_TIMEOUT;
            let head = loop {
                match look(&self.read) {
                    Seen::Plain(head, length) => {
                        self.read.advance(length);
                        break head;
                    }
                    Seen::Unusual => return Outcome::Unusual(deadline),
                    Seen::Incomplete => {}
                }
                self.read.reserve(READ_BYTES);
                let read = tokio::select! {
                    biased;
                    read = self.io.read_buf(&mut self.read) => read,
                    () = &mut stopped, if !is_stopping => {
                        is_stopping = true;
                        let begun = !self.read.is_empty();
                        if !begun && self.asked.any.load(Ordering::Relaxed) {
                            return self.close().await;
                        }
                        // A request may be on its way on a connection that was only just accepted.
                        let grace = if begun { DRAIN } else { FIRST_REQUEST_GRACE };
                        deadline = deadline.min(Instant::now() + grace);
                        continue;
                    }
                    () = at(deadline, timer.as_mut()) => return self.close().await,
                };
                match read {
                    Ok(0) if self.read.is_empty() => return self.close().await,
                    // Cut off, which is for the general machinery to tell.
                    Ok(0) => return Outcome::Unusual(deadline),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%error, "a connection ended early");
                        return Outcome::Ended;
                    }
                }
            };
            self.asked.any.store(true, Ordering::Relaxed);
            let Head { parts, is_last } = head;
            if is_last {
                self.asked.all.store(true, Ordering::Relaxed);
            }
            let is_head = parts.method == Method::HEAD;
            let response = answered(self.handler, self.peer, parts, Bytes::new()).await;
            let is_last = is_last || stop.is_cancelled();
            written.clear();
            let (body, is_last) = encode(response, is_head, is_last, &mut written);
            let mut all = Buf::chain(&*written, body);
            let sent = async {
                self.io.write_all_buf(&mut all).await?;
                self.io.flush().await
            };
            if let Err(error) = sent.await {
                tracing::debug!(%error, "a connection ended early");
                return Outcome::Ended;
            }
            if is_last {
                return self.close().await;
            }
        }
    }

    async fn close(&mut self) -> Outcome {
        if let Err(error) = self.io.shutdown().await {
            tracing::debug!(%error, "a connection ended early");
        }
        Outcome::Ended
    }
}

/// Waits until `deadline`. The timer is set anew only when it has run out or is later than that:
/// to set it for each request would take more than to parse one.
async fn at(deadline: Instant, mut timer: Pin<&mut Sleep>) {
    if timer.deadline() > deadline {
        timer.as_mut().reset(deadline);
    }
    loop {
        timer.as_mut().await;
        if timer.deadline() >= deadline {
            return;
        }
        timer.as_mut().reset(deadline);
    }
}

/// What the bytes read so far are.
#[allow(clippy::large_enum_variant, reason = "the large one is what nearly all are")]
pub(super) enum Seen {
    /// A head and its length.
    Plain(Head, usize),
    Incomplete,
    Unusual,
}

/// The head of a request without a body.
pub(super) struct Head {
    pub(super) parts: request::Parts,
    /// Whether the peer says that no other follows.
    pub(super) is_last: bool,
}

/// Looks for a plain head at the start of `read`.
pub(super) fn look(read: &[u8]) -> Seen {
    if read.is_empty() {
        return Seen::Incomplete;
    }
    let mut headers = [httparse::EMPTY_HEADER; PLAIN_HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(read) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if read.len() < PLAIN_HEAD_BYTES_MAX => {
            return Seen::Incomplete;
        }
        Ok(httparse::Status::Partial) | Err(_) => return Seen::Unusual,
    };
    let plain = understand(&request).filter(|_| length <= PLAIN_HEAD_BYTES_MAX);
    plain.map_or(Seen::Unusual, |head| Seen::Plain(head, length))
}

fn understand(parsed: &httparse::Request<'_, '_>) -> Option<Head> {
    let method = match parsed.method? {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        _ => return None,
    };
    let path = parsed.path.filter(|path| path.starts_with('/'))?;
    if parsed.version != Some(1) {
        return None;
    }
    let mut fields = HeaderMap::with_capacity(parsed.headers.len());
    let mut is_last = false;
    for field in &*parsed.headers {
        let name = name_of(field.name)?;
        match name {
            header::CONTENT_LENGTH
            | header::TRANSFER_ENCODING
            | header::EXPECT
            | header::UPGRADE => return None,
            header::CONNECTION if field.value.eq_ignore_ascii_case(b"close") => is_last = true,
            header::CONNECTION if field.value.eq_ignore_ascii_case(b"keep-alive") => {}
            header::CONNECTION => return None,
            _ => {}
        }
        fields.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(path).ok()?;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = fields;
    let (parts, ()) = request.into_parts();
    Some(Head { parts, is_last })
}

/// Writes the status line and the headers to `written`; gives the body, and says whether the
/// connection ends with it.
pub(super) fn encode(
    response: Response<Full<Bytes>>,
    is_head: bool,
    mut is_last: bool,
    written: &mut Vec<u8>,
) -> (Bytes, bool) {
    let (mut head, body) = response.into_parts();
    // A body that is there neither waits nor fails.
    let body = body.collect().now_or_never().and_then(Result::ok);
    let body = body.map_or_else(Bytes::new, Collected::to_bytes);
    let said_length = head.headers.remove(header::CONTENT_LENGTH);
    let connection = head.headers.get(header::CONNECTION);
    is_last |= connection.is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(b"close"));
    if is_last {
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if head.status == StatusCode::OK {
        written.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        written.extend_from_slice(b"HTTP/1.1 ");
        written.extend_from_slice(head.status.as_str().as_bytes());
        written.push(b' ');
        let reason = head.status.canonical_reason().unwrap_or("<none>");
        written.extend_from_slice(reason.as_bytes());
        written.extend_from_slice(b"\r\n");
    }
    for (name, value) in &head.headers {
        push_field(written, name.as_str().as_bytes(), value.as_bytes());
    }
    let has_none = head.status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
    match said_length.filter(|_| is_head) {
        Some(length) => push_field(written, b"content-length", length.as_bytes()),
        None if has_none || (is_head && body.is_empty()) => {}
        None => {
            let length = itoa::Buffer::new().format(body.len()).to_owned();
            push_field(written, b"content-length", length.as_bytes());
        }
    }
    written.extend_from_slice(b"\r\n");
    (if is_head || has_none { Bytes::new() } else { body }, is_last)
}

fn push_field(written: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    written.extend_from_slice(name);
    written.extend_from_slice(b": ");
    written.extend_from_slice(value);
    written.extend_from_slice(b"\r\n");
}
