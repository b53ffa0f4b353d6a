//! A connection that brings its only request with it, read and answered without the runtime.
//!
//! Whoever asks one thing on a connection has mostly sent it before the connection is accepted.
//! When it says that it is the only one, then it is read, answered and closed with as many system
//! calls: the runtime need not be told of the connection and forget it again. When the answer is
//! there, no task is made for it either.

use std::{
    io::{ErrorKind, IoSlice, Read as _, Write as _},
    net::TcpStream,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{Method, Response, request};
use http_body_util::Full;

use super::{
    Handler,
    answer::answered,
    plain::{ANSWER_HEAD_BYTES, Head, Seen, encode, look},
};
use crate::Reason;

/// Bytes that are read: more than the head of a request of this kind has.
const READ_BYTES: usize = 1024;

/// What became of a connection.
#[derive(Debug)]
pub enum AtOnce {
    /// It was answered, and is to be closed.
    Answered,
    /// It was answered in part: this is to be sent yet.
    Answering(Bytes),
    /// It asks one thing only, and the answer is to be waited for.
    Asked(OnlyRequest),
    /// It is to be served as any other. This was read of it.
    NotYet(BytesMut),
}

/// The only request of a connection, whole.
#[derive(Debug)]
pub struct OnlyRequest {
    head: request::Parts,
}

/// Answers `stream`, which must not block, if what it asks is there, is the only thing it asks and
/// can be answered without waiting for anything.
pub fn answer_at_once<P, H: Handler<P>>(stream: &TcpStream, peer: &P, handler: &H) -> AtOnce {
    let mut buffer = [0; READ_BYTES];
    let mut reading = stream;
    // What has failed fails again for whoever serves it then.
    let length = reading.read(&mut buffer).unwrap_or(0);
    let read = buffer.get(..length).unwrap_or_default();
    let only = match look(read) {
        // With the buffer full there may be more.
        Seen::Plain(Head { parts: head, is_last: true }, end)
            if end == length && length < READ_BYTES =>
        {
            OnlyRequest { head }
        }
        _ => return AtOnce::NotYet(BytesMut::from(read)),
    };
    if !handler.may_handle_now() {
        return AtOnce::Asked(only);
    }
    let answered = catch_unwind(AssertUnwindSafe(|| handler.handle_now(peer, &only.head)));
    let response = match answered {
        Ok(Some(response)) => response,
        Ok(None) => return AtOnce::Asked(only),
        Err(_panic) => {
            tracing::error!("a request's handler panicked; its guest is answered 500");
            handler.refuse(peer, Reason::Internal)
        }
    };
    send(stream, response, only.head.method == Method::HEAD)
        .map_or(AtOnce::Answered, AtOnce::Answering)
}

impl OnlyRequest {
    /// Has it answered on `stream`, which must not block. Gives back what is to be sent yet; nothing
    /// but the end, where the peer has sent more by now: a close over unread bytes resets the
    /// connection, and the answer may be lost.
    pub(super) async fn answer<P, H: Handler<P>>(
        self,
        stream: &TcpStream,
        peer: &P,
        handler: &H,
    ) -> Option<Bytes> {
        let is_head = self.head.method == Method::HEAD;
        let response = answered(handler, peer, self.head, Bytes::new()).await;
        let rest = send(stream, response, is_head);
        let has_more_come = || stream.peek(&mut [0]).is_ok_and(|length| length > 0);
        rest.or_else(|| has_more_come().then(Bytes::new))
    }
}

/// Sends the last answer of a connection, as much of it as the kernel takes; gives back the rest.
fn send(mut stream: &TcpStream, response: Response<Full<Bytes>>, is_head: bool) -> Option<Bytes> {
    let mut written = Vec::with_capacity(ANSWER_HEAD_BYTES);
    let (body, _) = encode(response, is_head, true, &mut written);
    let sent = match stream.write_vectored(&[IoSlice::new(&written), IoSlice::new(&body)]) {
        Ok(sent) => sent,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        // The peer's affair: there is nobody to be told.
        Err(_) => return None,
    };
    if sent == written.len() + body.len() {
        return None;
    }
    let mut rest = Bytes::from(written).chain(body);
    rest.advance(sent);
    Some(rest.copy_to_bytes(rest.remaining()))
}
