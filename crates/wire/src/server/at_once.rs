//! A connection that brings its only request with it, answered where it is accepted.
//!
//! Whoever asks one thing on a connection has mostly sent it before the connection is accepted.
//! When it says that it is the only one, and the answer is there, then it is read, answered and
//! closed with as many system calls: the runtime need not be told of the connection, wait for it
//! and forget it again, and no task is made for it.

use std::{
    io::{IoSlice, Read as _, Write as _},
    net::TcpStream,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::{Buf, Bytes, BytesMut};
use http::Method;

use super::{
    Handler,
    plain::{Head, Seen, encode, look},
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
    /// It is to be served as any other. This was read of it.
    NotYet(BytesMut),
}

/// Answers `stream`, which must not block, if what it asks is there, is the only thing it asks and
/// can be answered without waiting for anything.
pub fn answer_at_once<P, H: Handler<P>>(stream: &TcpStream, peer: &P, handler: &H) -> AtOnce {
    let mut buffer = [0; READ_BYTES];
    let mut stream = stream;
    // What has failed fails again for whoever serves it then.
    let length = stream.read(&mut buffer).unwrap_or(0);
    let read = buffer.get(..length).unwrap_or_default();
    let not_yet = || AtOnce::NotYet(BytesMut::from(read));
    if !handler.may_handle_now() {
        return not_yet();
    }
    let head = match look(read) {
        Seen::Plain(head @ Head { is_last: true, .. }, end) if end == length => head,
        _ => return not_yet(),
    };
    let is_head = head.parts.method == Method::HEAD;
    let answered = catch_unwind(AssertUnwindSafe(|| handler.handle_now(peer, head.parts)));
    let response = match answered {
        Ok(Some(response)) => response,
        Ok(None) => return not_yet(),
        Err(_panic) => {
            tracing::error!("a request's handler panicked; its guest is answered 500");
            handler.refuse(peer, Reason::Internal)
        }
    };
    let mut written = Vec::with_capacity(READ_BYTES);
    let (body, _) = encode(response, is_head, true, &mut written);
    // A failure is the peer's affair: there is nobody to be told.
    let sent = stream.write_vectored(&[IoSlice::new(&written), IoSlice::new(&body)]);
    match sent {
        Ok(sent) if sent < written.len() + body.len() => {
            let mut rest = Bytes::from(written).chain(body);
            rest.advance(sent);
            AtOnce::Answering(rest.copy_to_bytes(rest.remaining()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            let mut rest = Bytes::from(written).chain(body);
            AtOnce::Answering(rest.copy_to_bytes(rest.remaining()))
        }
        Ok(_) | Err(_) => AtOnce::Answered,
    }
}
