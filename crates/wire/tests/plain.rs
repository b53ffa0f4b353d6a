//! Whatever a client sends, the short way through the server answers as the long one does: to the
//! byte, and with the same said to the handler.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::sync::Arc;

use http::request;
use innkeeper_wire::server::Connections;
use proptest::{collection::vec, prelude::*, sample::select};
use support::{Echo, in_time};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_util::sync::CancellationToken;

/// After a request with a body a connection is served the long way.
const LONG_WAY: &[u8] = b"POST /first HTTP/1.1\r\nContent-Length: 0\r\n\r\n";

/// What came of some bytes: the answers, and what the handler was asked.
#[derive(Debug, PartialEq)]
struct Came {
    answers: String,
    asked: Vec<String>,
}

/// Sends `pieces` one after the other and closes the client's half.
async fn send(pieces: &[&[u8]]) -> Came {
    let (mut near, far) = duplex(1 << 20);
    let handler = Arc::new(Echo::default());
    let (serving, stop) = (Arc::clone(&handler), CancellationToken::new());
    let served = async { Connections::new(1).serve(far, (), serving, stop).await };
    let asked = async {
        for piece in pieces {
            // Fails where the server has closed already.
            let _ = near.write_all(piece).await;
            tokio::task::yield_now().await;
        }
        let _ = near.shutdown().await;
        let mut answers = Vec::new();
        near.read_to_end(&mut answers).await.unwrap();
        String::from_utf8_lossy(&answers).into_owned()
    };
    let (answers, ()) = in_time(async { tokio::join!(asked, served) }).await;
    let asked = handler.heads.lock().unwrap().iter().map(shown).collect();
    Came { answers, asked }
}

fn shown(head: &request::Parts) -> String {
    let request::Parts { method, uri, version, headers, .. } = head;
    format!("{method} {uri} {version:?} {headers:?}")
}

/// What came of `pieces` behind a request with a body.
async fn send_the_long_way(pieces: &[&[u8]]) -> Came {
    let mut all = vec![LONG_WAY];
    all.extend(pieces);
    let mut came = send(&all).await;
    let first = send(&[LONG_WAY]).await;
    came.answers = came.answers.strip_prefix(&first.answers).unwrap().to_owned();
    came.asked.remove(0);
    came
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    const METHODS: &[&str] =
        &["GET", "GET", "GET", "HEAD", "HEAD", "POST", "OPTIONS", "get", "CONNECT", ""];
    const TARGETS: &[&str] = &[
        "/",
        "/a",
        "/busy",
        "/no-content",
        "/not-modified",
        "/a/b?c=d",
        "/a%20b#c",
        "//x",
        "*",
        "http://x/y",
        "x:80",
        "",
        "/a b",
        "/\u{e9}",
        "/\"<>\\^`{|}",
    ];
    const ENDS: &[&str] = &[
        " HTTP/1.1\r\n",
        " HTTP/1.1\r\n",
        " HTTP/1.1\n",
        " HTTP/1.0\r\n",
        " HTTP/2.0\r\n",
        "\r\n",
    ];
    const HEADERS: &[&str] = &[
        "Host: x",
        "Accept: */*",
        "accept: text/html",
        "User-Agent: Cloud-Init/22.4",
        "X-A:",
        "X-B:  b \t",
        "X-C: \u{e9}",
        "X-D: a\u{1}b",
        "Connection: close",
        "connection: CLOSE",
        "Connection: keep-alive",
        "Connection: keep-alive, close",
        "Connection: upgrade",
        "Upgrade: h2c",
        "Content-Length: 0",
        "Content-Length: 3",
        "Content-Length: +1",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Expect: 100-continue",
        "Expect: x",
        "no colon",
        " folded: x",
        "X E: x",
        ": x",
        "TE: trailers",
    ];
    let headers = vec(select(HEADERS), 0..5);
    let head = (select(METHODS), select(TARGETS), select(ENDS));
    (head, headers, any::<bool>(), 0..24_usize).prop_map(
        |((method, target, end), headers, is_crlf, many)| {
            let end_of_line = if is_crlf { "\r\n" } else { "\n" };
            let mut text = format!("{method} {target}{end}");
            for header in headers {
                text += header;
                text += end_of_line;
            }
            // One in eight has more headers than the short way takes.
            for number in 0..if many < 3 { 17 } else { 0 } {
                text += &format!("X-{number}: y\r\n");
            }
            (text + end_of_line).into_bytes()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_short_way_is_the_long_way(requests in vec(request(), 1..4), cut in 0..4096_usize) {
        let bytes = requests.concat();
        let (before, after) = bytes.split_at(cut % bytes.len());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (short, long) = runtime.block_on(async {
            (send(&[before, after]).await, send_the_long_way(&[before, after]).await)
        });
        prop_assert_eq!(short, long);
    }

    #[test]
    fn any_bytes_are_answered_alike(bytes in vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (short, long) =
            runtime.block_on(async { (send(&[&bytes]).await, send_the_long_way(&[&bytes]).await) });
        prop_assert_eq!(short, long);
    }
}
