//! All that a client may send on a connection, in pieces of any size: the short way through the
//! server must answer as the long one does, and tell the handler the same.

#![no_main]

use std::{
    cell::LazyCell,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Response, request};
use http_body_util::Full;
use innkeeper_wire::server::{Connections, Handler};
use libfuzzer_sys::fuzz_target;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    runtime::{Builder, Runtime},
    task::yield_now,
};
use tokio_util::sync::CancellationToken;

/// After a request with a body a connection is served the long way.
const LONG_WAY: &[u8] = b"POST /first HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
/// Room for whatever is sent or answered: nobody waits for the other side.
const ROOM: usize = 1 << 20;

thread_local! {
    static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| {
        Builder::new_current_thread().enable_all().build().expect("a runtime")
    });
}

fuzz_target!(|input: &[u8]| {
    let Some((size, sent)) = input.split_first() else { return };
    let size = if *size == 0 { sent.len().max(1) } else { usize::from(*size) };
    let pieces: Vec<&[u8]> = sent.chunks(size).collect();
    let behind: Vec<&[u8]> = [LONG_WAY].into_iter().chain(pieces.iter().copied()).collect();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let short = send(&pieces).await;
            let (long, first) = (send(&behind).await, send(&[LONG_WAY]).await);
            let answers = long.answers.strip_prefix(first.answers.as_slice());
            let answers = answers.map(but_for_a_refusal);
            assert_eq!(answers, Some(but_for_a_refusal(&short.answers)), "answered otherwise");
            assert_eq!(long.asked.get(1..), Some(short.asked.as_slice()), "asked otherwise");
        });
    });
});

/// In pieces, the long way notices only at its end that a head is none, and says nothing of it if
/// that end does not come.
fn but_for_a_refusal(answers: &[u8]) -> &[u8] {
    const REFUSAL: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    answers.strip_suffix(REFUSAL).unwrap_or(answers)
}

/// What came of some bytes.
struct Came {
    answers: Vec<u8>,
    asked: Vec<String>,
}

/// Sends `pieces` one after the other and closes the client's half.
async fn send(pieces: &[&[u8]]) -> Came {
    let (mut near, far) = duplex(ROOM);
    let noting = Arc::new(Noting::default());
    let (handler, stop) = (Arc::clone(&noting), CancellationToken::new());
    let served = async { Connections::new(1).serve(far, (), handler, stop).await };
    let asked = async {
        for piece in pieces {
            // Fails where the server has closed already.
            let _ = near.write_all(piece).await;
            yield_now().await;
        }
        let _ = near.shutdown().await;
        let mut answers = Vec::new();
        near.read_to_end(&mut answers).await.expect("memory can be read");
        answers
    };
    let (answers, ()) = tokio::join!(asked, served);
    let asked = std::mem::take(&mut *noting.0.lock().expect("nobody panicked"));
    Came { answers, asked }
}

/// Answers with what it was asked, and notes it.
#[derive(Default)]
struct Noting(Mutex<Vec<String>>);

impl Handler<()> for Noting {
    async fn handle(&self, (): &(), head: request::Parts, body: Bytes) -> Response<Full<Bytes>> {
        let request::Parts { method, uri, version, headers, .. } = head;
        let asked = format!("{method} {uri} {version:?} {headers:?}");
        self.0.lock().expect("nobody panicked").push(asked.clone());
        let body = if body.is_empty() { Bytes::from(asked) } else { body };
        Response::new(Full::new(body))
    }
}
