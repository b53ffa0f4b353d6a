//! A client that knows its next hop for one of ours asks it without the general machinery: what it
//! does where something else comes back than ours would answer.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use http::{HeaderName, HeaderValue, Method, StatusCode};
use innkeeper_model::Identity;
use innkeeper_wire::{
    GuestResponse, NextHop, Reason,
    client::{ApiClient, ApiKind, Upstream},
    headers::decode_identity,
    limits::LINGER,
    signature::SharedSecret,
};
use support::{PATIENCE, Server, guest_request, in_time};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const OURS: &str = "HTTP/1.1 200 OK\r\nx-innkeeper-reason: served\r\ncontent-length: 4\r\n\r\nours";

/// At the end of an answer: the next one is sent a moment later, without being asked for.
const UNASKED_FOLLOWS: &str = "(unasked follows)";

/// A server that answers the requests of its first connection, its second and so on with what is
/// given for each, and then closes the connection; later ones as the last.
async fn scripted(script: &[&[&str]]) -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script: Vec<Vec<String>> = script
        .iter()
        .map(|answers| answers.iter().map(|answer| (*answer).to_owned()).collect())
        .collect();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let answers = script.get(number).or_else(|| script.last()).unwrap().clone();
            let told = Arc::clone(&told);
            tokio::spawn(async move {
                answer(stream, &answers, || told.lock().unwrap().push(number)).await;
            });
        }
    });
    (address, asked)
}

async fn answer(mut stream: TcpStream, answers: &[String], asked: impl Fn()) {
    let mut is_asked_for = true;
    for answer in answers {
        if !is_asked_for {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            tokio::time::sleep(PATIENCE).await;
            return;
        }
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_closed) => return,
            }
        }
        let text = String::from_utf8(request).unwrap();
        assert!(text.contains(" /a?b HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("\r\nhost: 127.0.0.1:"), "{text}");
        assert!(text.contains("x-instance-id: 00000000-0000-4000-8000-000000000001\r\n"), "{text}");
        asked();
        is_asked_for = !answer.ends_with(UNASKED_FOLLOWS);
        let answer = answer.trim_end_matches(UNASKED_FOLLOWS);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn client(address: SocketAddr) -> ApiClient {
    let upstream = Upstream::tcp(&address.ip().to_string(), address.port(), None).unwrap();
    let secret = SharedSecret::new("s3cr3t").unwrap();
    ApiClient::new(vec![upstream], ApiKind::Innkeeper, secret)
}

fn identity() -> Identity {
    Identity {
        instance: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        project: "acme".parse().unwrap(),
        address: None,
        vouched_port: None,
        found_in: None,
    }
}

async fn get(client: &ApiClient) -> GuestResponse {
    in_time(client.call(guest_request(identity(), Method::GET, "/a?b", b"", PATIENCE))).await
}

/// What `times` requests are answered, and on which connections.
async fn ask(script: &[&[&str]], times: usize) -> (Vec<GuestResponse>, Vec<usize>) {
    let (address, asked) = scripted(script).await;
    let client = client(address);
    let mut answers = Vec::new();
    for _ in 0..times {
        answers.push(get(&client).await);
    }
    let asked = asked.lock().unwrap().clone();
    (answers, asked)
}

fn assert_ours(answers: &[GuestResponse]) {
    for answer in answers {
        assert_eq!((answer.status, answer.reason), (StatusCode::OK, Reason::Served));
        assert_eq!(answer.body, "ours");
    }
}

#[tokio::test]
async fn one_connection_serves_from_the_second_request_on() {
    let (answers, asked) = ask(&[&[OURS], &[OURS; 4]], 5).await;
    assert_ours(&answers);
    assert_eq!(asked, [0, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_kept_connection_that_has_died_is_replaced_unnoticed() {
    let (answers, asked) = ask(&[&[OURS], &[OURS], &[OURS; 2]], 4).await;
    assert_ours(&answers);
    assert_eq!(asked, [0, 1, 2, 2]);
}

#[tokio::test]
async fn an_answer_that_is_none_of_ours_is_asked_for_once_more() {
    for other in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let (answers, asked) = ask(&[&[OURS], &[other], &[OURS; 2]], 2).await;
        assert_ours(&answers);
        assert_eq!(asked, [0, 1, 2], "{other:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_once_more() {
    for broken in ["", "HTTP/1.1 200 OK\r\ncont", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"]
    {
        let (answers, asked) = ask(&[&[OURS], &[broken], &[OURS; 2]], 2).await;
        assert_ours(&answers);
        assert_eq!(asked, [0, 1, 2], "{broken:?}");
    }
}

#[tokio::test]
async fn a_connection_with_more_than_an_answer_on_it_is_not_used_again() {
    let more = format!("{OURS}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    let last = OURS.replace("content-length", "connection: close\r\ncontent-length");
    for once in [more.as_str(), last.as_str()] {
        let (answers, asked) = ask(&[&[OURS], &[once, OURS], &[OURS; 2]], 4).await;
        assert_ours(&answers);
        assert_eq!(asked, [0, 1, 2, 2], "{once:?}");
    }
}

#[tokio::test]
async fn one_that_is_said_to_go_on_does() {
    let on = OURS.replace("content-length", "connection: Keep-Alive\r\ncontent-length");
    let (answers, asked) = ask(&[&[OURS], &[on.as_str(); 3]], 4).await;
    assert_ours(&answers);
    assert_eq!(asked, [0, 1, 1, 1]);
}

#[tokio::test]
async fn the_same_headers_reach_the_guest_either_way() {
    let said = "HTTP/1.1 200 OK\r\nX-Innkeeper-Reason: served\r\nVary: a\r\nETag: \"x\"\r\n\
                vary: b\r\nServer: s\r\nSet-Cookie: c\r\ncontent-length: 4\r\n\r\nours";
    let (answers, asked) = ask(&[&[said], &[said; 2]], 3).await;
    assert_ours(&answers);
    assert_eq!(asked, [0, 1, 1], "the first one is asked by hyper's client");
    let (first, plainly) = (&answers[0].headers, &answers[1].headers);
    assert_eq!(first, plainly);
    let mut names: Vec<_> = first.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["etag", "vary", "vary"]);
}

#[tokio::test]
async fn the_same_headers_reach_the_next_hop_either_way() {
    let server = Server::start().await;
    let client = client(server.address);
    let who = || Identity {
        address: Some("10.0.0.5".parse().unwrap()),
        vouched_port: Some("00000000-0000-4000-8000-0000000000aa".parse().unwrap()),
        ..identity()
    };
    let mut request = guest_request(who(), Method::GET, "/a", b"", PATIENCE);
    let fields = Arc::make_mut(&mut request.headers);
    for (name, value) in [
        ("accept", "text/html"),
        ("accept", "text/plain"),
        ("if-none-match", "\"x\""),
        ("host", "evil"),
        ("cookie", "evil"),
        ("connection", "x-tenant-id"),
        ("x-tenant-id", "evil"),
        ("x-instance-id", "evil"),
        ("x-forwarded-for", "10.0.0.6"),
        ("x-innkeeper-address", "10.0.0.6"),
        ("x-innkeeper-found-in", "evil"),
    ] {
        fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for _ in 0..2 {
        let answer = in_time(client.call(request.clone())).await;
        assert_eq!((answer.status, answer.reason), (StatusCode::OK, Reason::Served));
    }
    let heads = server.handler.heads.lock().unwrap();
    assert_eq!(heads[0].headers, heads[1].headers, "by hyper's client, and plainly");
    assert_eq!((&heads[1].method, heads[1].uri.path()), (&Method::GET, "/a"));
    let sent = |name| heads[1].headers.get_all(name).iter().map(HeaderValue::as_bytes);
    assert!(sent("accept").eq([&b"text/html"[..], b"text/plain"]));
    for name in ["x-tenant-id", "x-instance-id", "x-forwarded-for", "x-innkeeper-address"] {
        assert_eq!(sent(name).count(), 1, "{name}");
    }
    let secret = SharedSecret::new("s3cr3t").unwrap();
    assert_eq!(decode_identity(&heads[1].headers, &secret), Ok(who()));
    assert!(heads[1].headers.values().all(|value| value != "evil"));
}

#[tokio::test]
async fn a_head_has_the_length_that_a_get_would_have() {
    let head = "HTTP/1.1 200 OK\r\nx-innkeeper-reason: served\r\ncontent-length: 4\r\n\r\n";
    let (address, asked) = scripted(&[&[OURS], &[head], &[head], &[OURS]]).await;
    let client = client(address);
    assert_ours(&[get(&client).await]);
    for _ in 0..2 {
        let request = guest_request(identity(), Method::HEAD, "/a?b", b"", PATIENCE);
        let answer = in_time(client.call(request)).await;
        assert_eq!((answer.status, answer.reason), (StatusCode::OK, Reason::Served));
        assert_eq!(
            (answer.headers["content-length"].as_bytes(), &*answer.body),
            (&b"4"[..], &b""[..])
        );
    }
    assert_ours(&[get(&client).await]);
    assert_eq!(*asked.lock().unwrap(), [0, 1, 2, 3], "nothing is asked after a HEAD");
}

#[tokio::test]
async fn what_comes_between_two_requests_is_no_answer_to_the_second() {
    let before = OURS.to_owned() + UNASKED_FOLLOWS;
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let (address, asked) = scripted(&[&[OURS], &[before.as_str(), evil], &[OURS; 2]]).await;
    let client = client(address);
    for number in 0..4 {
        assert_ours(&[get(&client).await]);
        if number == 1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(*asked.lock().unwrap(), [0, 1, 2, 2]);
}

#[tokio::test]
async fn who_never_answers_as_ours_do_is_not_asked_twice_for_ever() {
    let chunked = "HTTP/1.1 200 OK\r\nx-innkeeper-reason: served\r\ntransfer-encoding: chunked\r\n\r\n\
                   4\r\nours\r\n0\r\n\r\n";
    let (answers, asked) = ask(&[&[chunked; 40]], 20).await;
    assert_ours(&answers);
    assert!((21..=29).contains(&asked.len()), "asked {} times", asked.len());
}

#[tokio::test]
async fn a_hop_that_stops_does_not_wait_for_what_is_kept() {
    let server = Server::start().await;
    let client = client(server.address);
    for _ in 0..3 {
        let identity = identity();
        let get = guest_request(identity, Method::GET, "/a", b"", PATIENCE);
        assert_eq!(in_time(client.call(get)).await.status, StatusCode::OK);
    }
    let begun = Instant::now();
    assert!(server.stop().await, "connections were cut");
    assert!(begun.elapsed() < LINGER, "it took {:?}", begun.elapsed());
}

/// An answer of ours whose body is `length` times the letter.
fn ours(letter: char, length: usize) -> String {
    let body = letter.to_string().repeat(length);
    OURS.replace("content-length: 4", &format!("content-length: {length}")).replace("ours", &body)
}

#[tokio::test]
async fn what_one_answer_was_read_into_never_shows_in_another() {
    // Longer and shorter than what is read at once, one after the other.
    let lengths = [10, 4000, 5, 60_000, 10, 1, 3900, 3900, 0, 20_000, 4096, 7];
    let answers: Vec<String> =
        ('a'..).zip(lengths).map(|(letter, length)| ours(letter, length)).collect();
    let script: Vec<&str> = answers.iter().map(String::as_str).collect();
    let (address, asked) = scripted(&[&[OURS], &script]).await;
    let client = client(address);
    assert_ours(&[get(&client).await]);
    let mut held = Vec::new();
    for (number, (letter, length)) in ('a'..).zip(lengths).enumerate() {
        let answer = get(&client).await;
        assert_eq!(answer.body, letter.to_string().repeat(length), "answer {number}");
        // Every third one is still being sent on while the next ones come.
        if number % 3 == 0 {
            held.push((letter, length, answer));
        }
    }
    for (letter, length, answer) in held {
        assert_eq!(answer.body, letter.to_string().repeat(length), "held");
    }
    assert_eq!(asked.lock().unwrap()[1..], [1; 12], "on one connection");
}
