//! A connection that brings its only request with it, and those that do not.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]
#![allow(clippy::panic, reason = "helpers of tests panic as tests do")]

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{Response, request};
use http_body_util::Full;
use innkeeper_wire::server::{AtOnce, Connections, Handler, OnlyRequest, answer_at_once};

/// Bytes of an answer that no socket takes at once.
const LARGE: usize = 32 * 1024 * 1024;
const ONLY: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Has an answer at once to all but one path, for which it can be waited.
#[derive(Debug, Default)]
struct Ready(AtomicUsize);

impl Handler<()> for Ready {
    async fn handle(&self, (): &(), head: request::Parts, _: Bytes) -> Response<Full<Bytes>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Response::new(Full::new(Bytes::from(format!("waited for {}", head.uri.path()))))
    }

    fn may_handle_now(&self) -> bool {
        true
    }

    fn handle_now(&self, (): &(), head: &request::Parts) -> Option<Response<Full<Bytes>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        match head.uri.path() {
            "/later" => None,
            "/panic" => panic!("as asked"),
            "/large" => Some(Response::new(Full::new(Bytes::from(vec![b'x'; LARGE])))),
            path => Some(Response::new(Full::new(Bytes::copy_from_slice(path.as_bytes())))),
        }
    }
}

/// A client, and the server's side of its connection.
fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    (client, server)
}

/// Waits for what was sent in one piece: all of it is there when one byte is.
fn await_bytes(server: &TcpStream) {
    while server.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        thread::yield_now();
    }
}

/// What becomes of a connection on which `bytes` have come.
fn sent(bytes: &[u8]) -> (AtOnce, TcpStream, TcpStream) {
    let (mut client, server) = connected();
    client.write_all(bytes).unwrap();
    if !bytes.is_empty() {
        await_bytes(&server);
    }
    (answer_at_once(&server, &(), &Ready::default()), client, server)
}

fn answer(mut client: TcpStream, server: TcpStream) -> String {
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

/// Never has an answer at once, and must not be asked for one.
struct Never;

impl Handler<()> for Never {
    async fn handle(&self, (): &(), head: request::Parts, _: Bytes) -> Response<Full<Bytes>> {
        match head.uri.path() {
            "/panic" => panic!("as asked"),
            "/large" => Response::new(Full::new(Bytes::from(vec![b'x'; LARGE]))),
            "/never" => std::future::pending().await,
            path => Response::new(Full::new(Bytes::from(format!("waited for {path}")))),
        }
    }

    fn handle_now(&self, (): &(), _: &request::Parts) -> Option<Response<Full<Bytes>>> {
        panic!("it was asked");
    }
}

/// A connection of `Never`'s on which the only request, for `path`, has come.
fn asked(method: &str, path: &str) -> (OnlyRequest, TcpStream, TcpStream) {
    let (mut client, server) = connected();
    let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    await_bytes(&server);
    match answer_at_once(&server, &(), &Never) {
        AtOnce::Asked(only) => (only, client, server),
        other => panic!("{other:?}"),
    }
}

/// Has it answered by `Never`; what is to be sent yet.
async fn waited_for(only: OnlyRequest, server: &TcpStream) -> Option<Bytes> {
    let connections = Connections::new(1);
    let slot = connections.slot().await;
    connections.answer_in(&slot, (server, only), &(), &Never).await
}

#[tokio::test]
async fn who_never_answers_at_once_is_not_asked_and_waited_for() {
    let (only, client, server) = asked("GET", "/a");
    assert!(waited_for(only, &server).await.is_none());
    let expected =
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\nwaited for /a";
    assert_eq!(answer(client, server), expected);
}

#[tokio::test]
async fn what_has_no_answer_at_once_may_have_one_later() {
    let (outcome, client, server) = sent(b"GET /later HTTP/1.1\r\nConnection: close\r\n\r\n");
    let AtOnce::Asked(only) = outcome else { panic!("{outcome:?}") };
    let connections = Connections::new(1);
    let slot = connections.slot().await;
    let rest = connections.answer_in(&slot, (&server, only), &(), &Ready::default()).await;
    assert!(rest.is_none());
    assert!(answer(client, server).ends_with("\r\n\r\nwaited for /later"));
}

#[tokio::test]
async fn a_panic_while_it_is_waited_for_is_answered_500() {
    let (only, client, server) = asked("GET", "/panic");
    assert!(waited_for(only, &server).await.is_none());
    let answer = answer(client, server);
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
}

#[tokio::test]
async fn what_the_socket_does_not_take_later_is_given_back() {
    let (only, mut client, server) = asked("GET", "/large");
    let connections = Connections::new(1);
    let slot = connections.slot().await;
    let rest = connections.answer_in(&slot, (&server, only), &(), &Never).await.unwrap();
    let reading = thread::spawn(move || {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        answer
    });
    let server = tokio::net::TcpStream::from_std(server).unwrap();
    connections.send_rest_in(slot, server, rest).await;
    assert_eq!(connections.open(), 0);
    let answer = reading.join().unwrap();
    let (head, body) = answer.split_at(answer.len() - LARGE);
    assert!(head.ends_with(format!("content-length: {LARGE}\r\n\r\n").as_bytes()));
    assert!(body.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn a_head_is_waited_for_without_a_body() {
    let (only, client, server) = asked("HEAD", "/a");
    assert!(waited_for(only, &server).await.is_none());
    let expected = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\n";
    assert_eq!(answer(client, server), expected);
}

#[tokio::test]
async fn what_comes_while_it_is_waited_for_does_not_cost_the_answer() {
    let (only, mut client, server) = asked("GET", "/a");
    client.write_all(b"\r\nGET /b HTTP/1.1\r\n\r\n").unwrap();
    await_bytes(&server);
    let connections = Connections::new(1);
    let slot = connections.slot().await;
    let rest = connections.answer_in(&slot, (&server, only), &(), &Never).await.unwrap();
    assert!(rest.is_empty(), "all of it was sent");
    let reading = thread::spawn(move || {
        // Late: a reset would have overtaken what is to be read.
        thread::sleep(Duration::from_millis(50));
        let mut answer = String::new();
        client.read_to_string(&mut answer).map(|_| answer)
    });
    let server = tokio::net::TcpStream::from_std(server).unwrap();
    connections.send_rest_in(slot, server, rest).await;
    let answer = reading.join().unwrap().unwrap();
    assert!(answer.ends_with("\r\n\r\nwaited for /a"), "{answer}");
}

#[tokio::test]
async fn who_waits_when_all_are_cut_is_cut_too() {
    let (only, client, server) = asked("GET", "/never");
    let connections = Connections::new(1);
    let slot = connections.slot().await;
    let (waiting, all) = (connections.clone(), connections.clone());
    let answering = tokio::spawn(async move {
        let rest = waiting.answer_in(&slot, (&server, only), &(), &Never).await;
        (rest.is_none(), server)
    });
    assert!(!all.drain(Duration::from_millis(50)).await, "it had no reason to end");
    let (has_no_rest, server) = answering.await.unwrap();
    assert!(has_no_rest);
    assert_eq!(answer(client, server), "");
}

#[test]
fn the_only_request_is_answered_and_the_connection_ends() {
    let (outcome, client, server) = sent(ONLY);
    assert!(matches!(outcome, AtOnce::Answered), "{outcome:?}");
    let expected = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n/a";
    assert_eq!(answer(client, server), expected);
}

#[test]
fn everything_else_is_left_with_what_was_read() {
    for other in [
        &b""[..],
        b"GET /a HTTP/1.1\r\nConnection: cl",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nConnection: keep-alive\r\n\r\n",
        b"GET /a HTTP/1.0\r\n\r\n",
        b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        // As much as is read at once: there may be more.
        format!("GET /{} HTTP/1.1\r\nConnection: close\r\n\r\n", "a".repeat(987)).as_bytes(),
    ] {
        let (outcome, _client, _server) = sent(other);
        let AtOnce::NotYet(read) = outcome else { panic!("{}: {outcome:?}", other.escape_ascii()) };
        assert_eq!(read, other, "{}", other.escape_ascii());
    }
}

#[test]
fn who_has_closed_is_left_to_whoever_serves_it_then() {
    let (client, server) = connected();
    client.shutdown(Shutdown::Both).unwrap();
    drop(client);
    let outcome = answer_at_once(&server, &(), &Ready::default());
    assert!(matches!(&outcome, AtOnce::NotYet(read) if read.is_empty()), "{outcome:?}");
}

#[test]
fn what_the_socket_does_not_take_is_given_back() {
    let (outcome, mut client, mut server) =
        sent(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n");
    let AtOnce::Answering(rest) = outcome else { panic!("it was taken whole: {outcome:?}") };
    assert!(rest.len() < LARGE, "nothing was taken");
    let sending = thread::spawn(move || {
        server.set_nonblocking(false).unwrap();
        server.write_all(&rest).unwrap();
    });
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    sending.join().unwrap();
    let (head, body) = answer.split_at(answer.len() - LARGE);
    assert!(head.ends_with(format!("content-length: {LARGE}\r\n\r\n").as_bytes()));
    assert!(body.iter().all(|byte| *byte == b'x'));
}

#[test]
fn a_panic_is_answered_500() {
    let (outcome, client, server) = sent(b"GET /panic HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(matches!(outcome, AtOnce::Answered), "{outcome:?}");
    let answer = answer(client, server);
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
}

#[test]
fn a_head_is_answered_without_a_body() {
    let (outcome, client, server) = sent(b"HEAD /abc HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(matches!(outcome, AtOnce::Answered), "{outcome:?}");
    let expected = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    assert_eq!(answer(client, server), expected);
}
