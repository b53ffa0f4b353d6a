//! A client that knows its next hop for one of ours asks it without the general machinery: what it
//! does where something else comes back than ours would answer.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Method, StatusCode};
use innkeeper_model::Identity;
use innkeeper_wire::{
    GuestResponse, NextHop, Reason,
    client::{ApiClient, ApiKind, Upstream},
    signature::SharedSecret,
};
use support::{PATIENCE, guest_request, in_time};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const OURS: &str = "HTTP/1.1 200 OK\r\nx-innkeeper-reason: served\r\ncontent-length: 4\r\n\r\nours";

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
    for answer in answers {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_closed) => return,
            }
        }
        let text = String::from_utf8(request).unwrap();
        assert!(text.starts_with("GET /a?b HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("\r\nhost: 127.0.0.1:"), "{text}");
        assert!(text.contains("x-instance-id: 00000000-0000-4000-8000-000000000001\r\n"), "{text}");
        asked();
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What `times` requests are answered, and on which connections.
async fn ask(script: &[&[&str]], times: usize) -> (Vec<GuestResponse>, Vec<usize>) {
    let (address, asked) = scripted(script).await;
    let upstream = Upstream::tcp(&address.ip().to_string(), address.port(), None).unwrap();
    let secret = SharedSecret::new("s3cr3t").unwrap();
    let client = ApiClient::new(vec![upstream], ApiKind::Innkeeper, secret);
    let identity = Identity {
        instance: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        project: "acme".parse().unwrap(),
        address: None,
        vouched_port: None,
    };
    let mut answers = Vec::new();
    for _ in 0..times {
        let get = guest_request(identity.clone(), Method::GET, "/a?b", b"", PATIENCE);
        answers.push(in_time(client.call(get)).await);
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
