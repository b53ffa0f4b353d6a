//! Exchanges with a hop of ours, without the protocol's general machinery.
//!
//! Our own server answers a request without a body with a head, a length and a body, on a connection
//! that goes on. To read that takes no task of its own for each connection, and no waking of one
//! task by another for each request (docs/benchmarks/profile.md).
//! Whatever else comes back is left to hyper, which asks again: only GET and HEAD are asked for here.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::{Buf as _, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::unconstrained,
    time::{Instant, sleep},
};

use super::{
    exchange::{Answer, Outgoing, TryError},
    upstream::{Stream, Upstream},
};
use crate::{
    headers::AnswerHeaders,
    limits::{
        IDLE_CONNECTIONS_MAX, IDLE_TIMEOUT, RESPONSE_BODY_BYTES_MAX, RESPONSE_HEAD_BYTES_MAX,
    },
};

/// Bytes that are read at once: most answers whole.
const READ_BYTES: usize = 4096;
/// Headers of an answer; ours have some eight.
const HEADERS_MAX: usize = 32;

/// How often kept connections are looked at: a peer that stops waits for us to close them.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// So many answers of another kind, and it is not tried any longer: something on the way makes other
/// answers of ours, and each would be asked for twice.
pub(super) const UNUSUAL_MAX: u32 = 8;

/// Connections to one address that are kept for reuse, the most recently used last.
#[derive(Default)]
pub(super) struct Kept(Arc<Mutex<Idle>>);

#[derive(Default)]
struct Idle {
    lines: Vec<(Line, Instant)>,
    /// Whether a task looks after them.
    is_looked_after: bool,
}

/// A connection, with room for what comes on it: what an answer took of that is free again once the
/// answer was passed on, so that mostly none is asked of the allocator.
struct Line {
    stream: Stream,
    room: BytesMut,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// As for any exchange.
    Try(TryError),
    /// Something else has come than what we answer.
    Unusual,
}

/// Asks on a kept connection, or on a new one.
pub(super) async fn exchange(upstream: &Upstream, outgoing: &Outgoing) -> Result<Answer, Failure> {
    let kept = upstream.kept.take();
    let reused = kept.is_some();
    let mut line = match kept {
        Some(line) => line,
        None => {
            let opened = upstream.open().await;
            let opened = opened.map_err(|error| Failure::Try(TryError::NotSent(error.to_string())));
            Line { stream: opened?, room: BytesMut::new() }
        }
    };
    match converse(&mut line, upstream, outgoing).await {
        Ok((answer, may_go_on)) => {
            if may_go_on {
                upstream.kept.keep(line);
            }
            Ok(answer)
        }
        Err(Broken::Unusual) => Err(Failure::Unusual),
        Err(Broken::Io(error)) if reused => {
            // Where one turned out dead, the others made before the restart are dead too.
            upstream.kept.clear();
            Err(Failure::Try(TryError::Stale(error.to_string())))
        }
        Err(Broken::Io(error)) => Err(Failure::Try(TryError::Broken(error.to_string()))),
    }
}

enum Broken {
    Io(io::Error),
    Unusual,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// One request and its answer; says whether the connection may be used again.
async fn converse(
    Line { stream, room: read }: &mut Line,
    upstream: &Upstream,
    outgoing: &Outgoing,
) -> Result<(Answer, bool), Broken> {
    stream.write_all(&encode(upstream, outgoing)).await?;
    stream.flush().await?;
    let (head, head_length) = loop {
        fill(stream, read).await?;
        if let Some(understood) = understand(read, &outgoing.method)? {
            break understood;
        }
    };
    read.advance(head_length);
    let Head { status, headers, length, may_go_on } = head;
    while read.len() < length {
        fill(stream, read).await?;
    }
    let body = read.split_to(length).freeze();
    // More than was asked for is nothing that a next request could be answered with.
    let may_go_on = may_go_on && read.is_empty();
    if head_length + length > READ_BYTES {
        // Nobody waits with the room of a large answer for a next one.
        *read = BytesMut::new();
    }
    Ok((Answer { status, headers, body }, may_go_on))
}

async fn fill(stream: &mut Stream, read: &mut BytesMut) -> Result<(), Broken> {
    read.reserve(READ_BYTES);
    match stream.read_buf(read).await? {
        0 => Err(Broken::Io(io::ErrorKind::UnexpectedEof.into())),
        _ => Ok(()),
    }
}

fn encode(upstream: &Upstream, outgoing: &Outgoing) -> Vec<u8> {
    let mut head = Vec::with_capacity(1024);
    let path = outgoing.uri.path_and_query().map_or("/", |path| path.as_str());
    for part in [outgoing.method.as_str(), " ", path, " HTTP/1.1\r\nhost: "] {
        head.extend_from_slice(part.as_bytes());
    }
    head.extend_from_slice(upstream.host().as_bytes());
    for (name, value) in outgoing.fields.iter().filter(|(name, _)| *name != header::HOST) {
        for part in [b"\r\n", name.as_str().as_bytes(), b": ", value.as_bytes()] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n\r\n");
    head
}

struct Head {
    status: StatusCode,
    headers: AnswerHeaders,
    length: usize,
    may_go_on: bool,
}

/// The head at the start of `read` and its length, once it is whole.
fn understand(read: &[u8], method: &Method) -> Result<Option<(Head, usize)>, Broken> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut headers);
    let end = match parsed.parse(read).ok().ok_or(Broken::Unusual)? {
        httparse::Status::Complete(end) => end,
        httparse::Status::Partial if read.len() > RESPONSE_HEAD_BYTES_MAX => {
            return Err(Broken::Unusual);
        }
        httparse::Status::Partial => return Ok(None),
    };
    head(&parsed, method).map(|head| Some((head, end))).ok_or(Broken::Unusual)
}

fn head(parsed: &httparse::Response<'_, '_>, method: &Method) -> Option<Head> {
    let status = StatusCode::from_u16(parsed.code?).ok()?;
    let has_none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    if parsed.version != Some(1) || status.is_informational() || has_none {
        return None;
    }
    let mut said_length = None;
    let mut may_go_on = true;
    for field in &*parsed.headers {
        let is = |name: &HeaderName| field.name.eq_ignore_ascii_case(name.as_str());
        if is(&header::CONTENT_LENGTH) {
            if said_length.replace(field.value).is_some() {
                return None;
            }
        } else if is(&header::CONNECTION) {
            may_go_on &= field.value.eq_ignore_ascii_case(b"keep-alive");
        } else if is(&header::TRANSFER_ENCODING) {
            return None;
        }
    }
    let fields = parsed.headers.iter().map(|field| (field.name, field.value));
    let mut headers = AnswerHeaders::read(fields)?;
    if *method == Method::HEAD {
        if let Some(length) = said_length {
            headers.for_guest.insert(header::CONTENT_LENGTH, HeaderValue::from_bytes(length).ok()?);
        }
        // Some send a body after all, and later than the head.
        return Some(Head { status, headers, length: 0, may_go_on: false });
    }
    let length = str::from_utf8(said_length?).ok()?;
    let digits = length.bytes().all(|byte| byte.is_ascii_digit());
    let length: usize = length.parse().ok().filter(|_| digits)?;
    (length <= RESPONSE_BODY_BYTES_MAX).then_some(Head { status, headers, length, may_go_on })
}

impl Kept {
    fn take(&self) -> Option<Line> {
        let mut idle = lock(&self.0);
        while let Some((mut line, since)) = idle.lines.pop() {
            if may_be_used(&mut line, since) {
                return Some(line);
            }
        }
        None
    }

    fn keep(&self, line: Line) {
        let mut idle = lock(&self.0);
        if idle.lines.len() < IDLE_CONNECTIONS_MAX {
            idle.lines.push((line, Instant::now()));
        }
        if !idle.is_looked_after {
            idle.is_looked_after = true;
            tokio::spawn(look_after(Arc::downgrade(&self.0)));
        }
    }

    fn clear(&self) {
        lock(&self.0).lines.clear();
    }
}

/// Forgets what may not be used any more, until there is nothing left. One task for all.
async fn look_after(idle: Weak<Mutex<Idle>>) {
    loop {
        sleep(LOOK_PAUSE).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = lock(&idle);
        idle.lines.retain_mut(|(line, since)| may_be_used(line, *since));
        if idle.lines.is_empty() {
            idle.is_looked_after = false;
            return;
        }
    }
}

/// Whether nothing has come on the connection, its end above all: what came before a request is no
/// answer to it.
fn may_be_used(line: &mut Line, since: Instant) -> bool {
    let mut byte = [0; 1];
    let looked = unconstrained(line.stream.read(&mut byte)).now_or_never();
    looked.is_none() && since.elapsed() < IDLE_TIMEOUT
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("idle", &lock(&self.0).lines.len()).finish()
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    // Nothing in here can be left half done by a panic.
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
