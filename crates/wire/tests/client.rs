//! The forwarding clients against real servers, which go away, lie and come back.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Method, StatusCode, header};
use innkeeper_model::{Identity, Origin, OriginScope, RouterId};
use innkeeper_wire::{
    NextHop, Reason,
    client::{AgentClient, ApiClient, ApiKind, Upstream},
    headers::{decode_identity, decode_origin},
    server::{Connections, serve_unix},
    signature::SharedSecret,
    unix_socket::{PeerPolicy, bind_unix},
};
use support::{Echo, PATIENCE, Server, guest_request, in_time};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

const SHORT: Duration = Duration::from_millis(300);

fn secret() -> SharedSecret {
    SharedSecret::new("s3cr3t").unwrap()
}

fn identity() -> Identity {
    Identity {
        instance: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        project: "acme".parse().unwrap(),
        address: Some("10.0.0.5".parse().unwrap()),
        vouched_port: Some("00000000-0000-4000-8000-0000000000aa".parse().unwrap()),
        found_in: None,
    }
}

fn client(addresses: &[SocketAddr], kind: ApiKind) -> ApiClient {
    let upstream = |address: &SocketAddr| {
        Upstream::tcp(&address.ip().to_string(), address.port(), None).unwrap()
    };
    ApiClient::new(addresses.iter().map(upstream).collect(), kind, secret())
}

/// An address at which nobody listens.
async fn dead_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Does with every connection what `reply` says once a request came; counts the requests.
async fn bad_upstream(reply: Vec<u8>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).await.unwrap_or(0) > 0 {
                counting.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(&reply).await;
            }
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_get_outlives_a_restart_of_the_api() {
    let server = Server::start().await;
    let client = Arc::new(client(&[server.address], ApiKind::Innkeeper));
    let get = || guest_request(identity(), Method::GET, "/a", b"", PATIENCE);
    assert_eq!(client.call(get()).await.status, StatusCode::OK);
    let (address, handler) = server.kill().await;
    let held = tokio::spawn({
        let (client, request) = (Arc::clone(&client), get());
        async move { client.call(request).await }
    });
    tokio::time::sleep(SHORT).await;
    assert!(!held.is_finished(), "the request was not held");
    let again = Server::at(address, handler, None, 64).await;
    let answer = in_time(held).await.unwrap();
    assert_eq!((answer.status, answer.reason), (StatusCode::OK, Reason::Served));
    // What was kept from before the next restart is dead, and no POST is risked on it.
    let (address, handler) = again.kill().await;
    let before = handler.asked.load(Ordering::SeqCst);
    let again = Server::at(address, handler, None, 64).await;
    let post = guest_request(identity(), Method::POST, "/p", b"pw", PATIENCE);
    assert_eq!(client.call(post).await.body, "pw");
    assert_eq!(again.handler.asked.load(Ordering::SeqCst), before + 1);
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::start().await;
    let client = client(&[server.address], ApiKind::Innkeeper);
    for _ in 0..5 {
        let get = guest_request(identity(), Method::GET, "/a", b"", PATIENCE);
        assert_eq!(client.call(get).await.status, StatusCode::OK);
        // One for the first request, before it is known whether the next hop is one of ours.
        assert!(server.connections.open() <= 2, "each request had a connection of its own");
    }
}

#[tokio::test]
async fn a_post_that_was_sent_is_not_repeated_and_a_get_is() {
    for (reply, status) in
        [(&b""[..], 503), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 503)]
    {
        let (address, count) = bad_upstream(reply.into()).await;
        let client = client(&[address], ApiKind::Innkeeper);
        let post = guest_request(identity(), Method::POST, "/p", b"pw", PATIENCE);
        let answer = in_time(client.call(post)).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.reason, Reason::ApiAway);
        assert_eq!(count.load(Ordering::SeqCst), 1, "a POST was repeated");
        let get = guest_request(identity(), Method::GET, "/p", b"", SHORT);
        assert_eq!(in_time(client.call(get)).await.reason, Reason::ApiAway);
        assert!(count.load(Ordering::SeqCst) > 2, "a GET was not repeated");
    }
}

#[tokio::test]
async fn nobody_there_is_a_503_with_retry_after_at_the_deadline() {
    let client = client(&[dead_address().await], ApiKind::Innkeeper);
    for method in [Method::GET, Method::POST] {
        let begun = Instant::now();
        let request = guest_request(identity(), method, "/a", b"", SHORT);
        let deadline = request.deadline;
        let answer = client.call(request).await;
        assert!(Instant::now() <= deadline + Duration::from_secs(1), "later than due");
        assert!(begun.elapsed() >= SHORT / 2, "given up early");
        assert_eq!(
            (answer.status, answer.reason),
            (StatusCode::SERVICE_UNAVAILABLE, Reason::ApiAway)
        );
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
        assert!(!answer.body.is_empty());
    }
}

#[tokio::test]
async fn another_address_takes_over() {
    let server = Server::start().await;
    let client = client(&[dead_address().await, server.address], ApiKind::Innkeeper);
    for method in [Method::POST, Method::GET, Method::POST] {
        let request = guest_request(identity(), method, "/a", b"x", PATIENCE);
        assert_eq!(in_time(client.call(request)).await.body, "x");
    }
}

#[tokio::test]
async fn a_load_balancer_without_servers_is_asked_again_until_the_deadline() {
    let server = Server::start().await;
    let client = client(&[server.address], ApiKind::Nova);
    let get = guest_request(identity(), Method::GET, "/busy", b"", SHORT);
    let answer = client.call(get).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(server.handler.asked.load(Ordering::SeqCst) > 2);
    let asked = server.handler.asked.load(Ordering::SeqCst);
    let post = guest_request(identity(), Method::POST, "/busy", b"", SHORT);
    assert_eq!(client.call(post).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.handler.asked.load(Ordering::SeqCst), asked + 1, "a POST was repeated");
}

#[tokio::test]
async fn what_is_no_answer_is_a_502() {
    let huge = [&b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"[..], &[b'x'; 17 << 20]];
    for reply in [&b"SSH-2.0-OpenSSH_9\r\n"[..], &huge.concat()] {
        let (address, _) = bad_upstream(reply.into()).await;
        let client = client(&[address], ApiKind::Innkeeper);
        let get = guest_request(identity(), Method::GET, "/a", b"", PATIENCE);
        assert_eq!(in_time(client.call(get)).await.reason, Reason::BadUpstream);
    }
    let server = Server::start().await;
    let get = guest_request(identity(), Method::GET, "/redirect", b"", PATIENCE);
    let answer = client(&[server.address], ApiKind::Nova).call(get).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn bytes_statuses_and_the_length_of_a_head_pass_unchanged() {
    let reply = b"HTTP/1.1 418 Teapot\r\nContent-Type: application/octet-stream\r\nX-Own: 1\r\n\
        Set-Cookie: a=b\r\nETag: \"7\"\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\xff";
    let (address, _) = bad_upstream(reply.to_vec()).await;
    let client = client(&[address], ApiKind::Nova);
    let answer = client.call(guest_request(identity(), Method::GET, "/a", b"", PATIENCE)).await;
    assert_eq!(answer.status.as_u16(), 418);
    assert_eq!(answer.body, &b"\x1f\x8b\x00\xff"[..]);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/octet-stream");
    assert_eq!(answer.headers[header::ETAG], "\"7\"");
    assert_eq!(answer.headers.len(), 2, "{:?}", answer.headers);
    let head = client.call(guest_request(identity(), Method::HEAD, "/a", b"", PATIENCE)).await;
    assert!(head.body.is_empty());
    assert_eq!(head.headers[header::CONTENT_LENGTH], "4");
}

#[tokio::test]
async fn who_was_found_before_is_asked_for_only_where_somebody_looks() {
    let server = Server::start().await;
    let found_in = Some(OriginScope::Router(RouterId::random()));
    let before = Identity { found_in, ..identity() };
    let unvouched = Identity { vouched_port: None, ..before.clone() };
    let elsewhere = Identity { address: None, ..before.clone() };
    for (kind, who) in [
        (ApiKind::Nova, &before),
        (ApiKind::Innkeeper, &unvouched),
        (ApiKind::Innkeeper, &elsewhere),
    ] {
        let client = client(&[server.address], kind);
        let answer = client.call(guest_request(who.clone(), Method::GET, "/a", b"", PATIENCE));
        assert_eq!(answer.await.reason, Reason::StaleAddress, "{kind:?} {who:?}");
    }
    assert!(server.handler.heads.lock().unwrap().is_empty(), "the API was asked");
    let client = client(&[server.address], ApiKind::Innkeeper);
    client.call(guest_request(before.clone(), Method::GET, "/a", b"", PATIENCE)).await;
    let heads = server.handler.heads.lock().unwrap();
    assert_eq!(decode_identity(&heads[0].headers, &secret()), Ok(before));
}

#[tokio::test]
async fn nova_gets_what_neutrons_agent_sends() {
    let server = Server::start().await;
    let client = client(&[server.address], ApiKind::Nova);
    let mut request = guest_request(identity(), Method::POST, "//evil/x?a=%20b", b"body", PATIENCE);
    Arc::make_mut(&mut request.headers).insert("x-instance-id", HeaderValue::from_static("evil"));
    Arc::make_mut(&mut request.headers)
        .insert(header::ACCEPT, HeaderValue::from_static("text/html"));
    Arc::make_mut(&mut request.headers)
        .insert(header::USER_AGENT, HeaderValue::from_static("guest"));
    assert_eq!(client.call(request).await.body, "body");
    let heads = server.handler.heads.lock().unwrap();
    assert_eq!(heads[0].uri.to_string(), "//evil/x?a=%20b");
    let fields = &heads[0].headers;
    let mut names: Vec<_> = fields.keys().map(header::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "content-length",
        "host",
        "user-agent",
        "x-forwarded-for",
        "x-instance-id",
        "x-instance-id-signature",
        "x-tenant-id",
    ];
    assert_eq!(names, expected);
    assert_eq!(fields[header::HOST], server.address.to_string());
    assert_eq!(fields[header::ACCEPT], "*/*");
    let read = decode_identity(fields, &secret()).unwrap();
    assert_eq!(read, Identity { vouched_port: None, ..identity() });
}

#[tokio::test]
async fn our_own_api_also_gets_the_guests_allowed_headers_and_the_vouched_address() {
    let server = Server::start().await;
    let client = client(&[server.address], ApiKind::Innkeeper);
    let mut request = guest_request(identity(), Method::GET, "/a", b"", PATIENCE);
    Arc::make_mut(&mut request.headers)
        .insert(header::ACCEPT, HeaderValue::from_static("text/html"));
    Arc::make_mut(&mut request.headers).insert("x-tenant-id", HeaderValue::from_static("evil"));
    client.call(request).await;
    let heads = server.handler.heads.lock().unwrap();
    assert_eq!(heads[0].headers[header::ACCEPT], "text/html");
    assert_eq!(decode_identity(&heads[0].headers, &secret()), Ok(identity()));
}

#[tokio::test]
async fn the_agent_is_reached_over_its_socket_as_soon_as_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    let client = AgentClient::new(path.clone());
    let router = OriginScope::Router(RouterId::random());
    let origin = Origin::new(router, "10.0.0.5".parse().unwrap());
    let request = guest_request(origin.clone(), Method::GET, "/a", b"", PATIENCE);
    let held = tokio::spawn(async move { client.call(request).await });
    tokio::time::sleep(SHORT).await;
    let (handler, stop) = (Arc::new(Echo::default()), CancellationToken::new());
    let serving = tokio::spawn(serve_unix(
        bind_unix(&path, None).unwrap(),
        PeerPolicy::own(),
        Connections::new(8),
        Arc::clone(&handler),
        stop.clone(),
    ));
    assert_eq!(in_time(held).await.unwrap().status, StatusCode::OK);
    {
        let heads = handler.heads.lock().unwrap();
        assert_eq!(decode_origin(&heads[0].headers), Ok(origin));
    }
    stop.cancel();
    in_time(serving).await.unwrap();
}
