//! The server over real sockets: bad input and faults end in a clear answer or a clean close, and
//! never harm the listener.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use innkeeper_wire::{
    limits::{BODY_TIMEOUT, HEAD_TIMEOUT, REQUEST_BODY_BYTES_MAX},
    server::Connections,
};
use support::{Echo, Server, in_time, read_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn malformed_requests_are_answered_400() {
    let server = Server::start().await;
    for bad in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
    ] {
        let answer = server.ask(bad).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{} got {answer:?}", bad.escape_ascii());
    }
    assert_eq!(server.handler.asked.load(Ordering::SeqCst), 0);
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_head_may_have_16_kib_and_no_more() {
    let server = Server::start().await;
    for (size, status) in [(16 * 1024, "200"), (17 * 1024, "431")] {
        let start = "GET / HTTP/1.1\r\nConnection: close\r\nX-Pad: ";
        let pad = "p".repeat(size - start.len() - 4);
        let answer = server.ask(format!("{start}{pad}\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{size}: {answer:?}");
    }
    let many = (0..200).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let answer = server.ask(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413_though_it_is_still_being_sent() {
    let server = Server::start().await;
    let length = REQUEST_BODY_BYTES_MAX + 1;
    let declared = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    let chunked = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n");
    for head in [declared, chunked] {
        let mut request = head.into_bytes();
        request.resize(request.len() + length, b'x');
        let answer = server.ask(&request).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:?}");
        assert!(answer.contains("larger than 1 MiB"), "{answer:?}");
    }
    assert_eq!(server.handler.asked.load(Ordering::SeqCst), 0);
    server.assert_unharmed().await;
}

#[tokio::test]
async fn a_body_of_100_kib_in_many_segments_arrives_whole() {
    let server = Server::start().await;
    let body: String = ('a'..='z').cycle().take(100 * 1024).collect();
    let mut stream = server.connect().await;
    stream.set_nodelay(true).unwrap();
    let head =
        format!("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    for segment in body.as_bytes().chunks(701) {
        stream.write_all(segment).await.unwrap();
        tokio::task::yield_now().await;
    }
    let answer = read_all(&mut stream).await;
    assert!(answer.ends_with(&body), "{} bytes came back", answer.len());
}

#[tokio::test]
async fn a_chunked_body_is_read_and_its_trailers_are_not() {
    let server = Server::start().await;
    let answer = server
        .ask(
            b"POST /c HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
              Trailer: X-Instance-ID\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Instance-ID: evil\r\n\r\n",
        )
        .await;
    assert!(answer.ends_with("\r\n\r\nabcdefg"), "{answer:?}");
    let heads = server.handler.heads.lock().unwrap();
    assert!(!heads[0].headers.contains_key("x-instance-id"));
}

#[tokio::test]
async fn expect_100_continue_is_honoured() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    let head =
        "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    in_time(stream.read_exact(&mut interim)).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("abc"), "{answer:?}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().await;
    let answer = server
        .ask(
            b"GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nxyGET /3 \
              HTTP/1.1\r\nConnection: close\r\n\r\n",
        )
        .await;
    let places: Vec<_> = ["GET /1", "POST /2", "GET /3"]
        .map(|asked| answer.find(asked).unwrap_or_else(|| panic!("no {asked} in {answer:?}")))
        .into();
    assert!(places.is_sorted(), "{answer:?}");
    assert!(!answer.to_lowercase().contains("\r\ndate:"), "{answer:?}");
}

#[tokio::test]
async fn the_length_that_a_hop_behind_gave_for_a_head_stands() {
    let server = Server::start().await;
    let answer = server.ask(b"HEAD /length HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 42\r\n"), "{answer:?}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_closed_its_half_is_still_answered() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.contains("x-asked: GET /half"), "{answer:?}");
}

#[tokio::test]
async fn a_panic_is_one_requests_affair() {
    let server = Server::start().await;
    let answer = server.ask(b"GET /panic HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer:?}");
    assert!(answer.contains("connection: close"), "{answer:?}");
    server.assert_unharmed().await;
}

#[tokio::test]
async fn connections_beyond_the_maximum_wait_their_turn() {
    let server = Server::at("127.0.0.1:0".parse().unwrap(), Arc::default(), None, 1).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /1 HTTP/1.1\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    in_time(first.read_exact(&mut byte)).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..5 {
        let mut other = server.connect().await;
        other.write_all(b"GET /2 HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        others.push(other);
    }
    assert_eq!(server.connections.open(), 1);
    assert_eq!(server.handler.asked.load(Ordering::SeqCst), 1, "somebody was served early");
    drop(first);
    for mut other in others {
        assert!(read_all(&mut other).await.contains("x-asked: GET /2"));
    }
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_begun_connections_ask() {
    let server = Server::start().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /1 HTTP/1.1\r\n\r\n").await.unwrap();
    in_time(idle.read_u8()).await.unwrap();
    let mut begun = server.connect().await;
    begun.write_all(b"POST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nx").await.unwrap();
    let mut fresh = server.connect().await;
    while server.connections.open() < 3 {
        tokio::task::yield_now().await;
    }
    let (drained, begun, fresh) = tokio::join!(
        server.stop(),
        async {
            // Well within the drain.
            tokio::time::sleep(Duration::from_millis(400)).await;
            begun.write_all(b"y").await.unwrap();
            read_all(&mut begun).await
        },
        async {
            fresh.write_all(b"GET /3 HTTP/1.1\r\n\r\n").await.unwrap();
            read_all(&mut fresh).await
        },
    );
    assert!(drained);
    assert!(begun.ends_with("xy"), "{begun:?}");
    assert!(fresh.contains("x-asked: GET /3"), "{fresh:?}");
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let server = Server::start().await;
    let mut hanging = server.connect().await;
    hanging.write_all(b"GET /hang HTTP/1.1\r\n\r\n").await.unwrap();
    while server.handler.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!server.connections.drain(Duration::ZERO).await);
    let mut rest = Vec::new();
    let _ = in_time(hanging.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
}

/// Serves one in-memory connection, whose time is the test's.
fn serve_in_memory() -> (tokio::io::DuplexStream, Arc<Echo>) {
    let (near, far) = duplex(64 * 1024);
    let handler = Arc::new(Echo::default());
    let serving = Arc::clone(&handler);
    tokio::spawn(async move {
        Connections::new(1).serve(far, (), serving, CancellationToken::new()).await;
    });
    (near, handler)
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_and_an_idle_connection_are_closed() {
    for sent in ["GET / HTTP/1.1\r\nX-Slow: ", "GET / HTTP/1.1\r\n\r\n", ""] {
        let (mut stream, _) = serve_in_memory();
        let begun = tokio::time::Instant::now();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let took = begun.elapsed();
        assert!(took >= HEAD_TIMEOUT && took < HEAD_TIMEOUT * 2, "{sent:?} lived {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_answered_408() {
    let (mut stream, handler) = serve_in_memory();
    let begun = tokio::time::Instant::now();
    stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", answer.escape_ascii());
    assert!(begun.elapsed() >= BODY_TIMEOUT);
    assert_eq!(handler.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_its_answer_is_cut() {
    let (mut stream, handler) = serve_in_memory();
    stream.write_all(b"GET /large HTTP/1.1\r\n\r\n").await.unwrap();
    while Arc::strong_count(&handler) > 1 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut taken = Vec::new();
    let _ = stream.read_to_end(&mut taken).await;
    assert!(taken.len() < 3_000_000);
}
