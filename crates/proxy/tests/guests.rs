//! What guests in real namespaces get, and what of theirs gets through.

mod lab;
mod scripted;

use std::{
    io::{Read, Write},
    time::Duration,
};

use innkeeper_model::{NetworkId, RouterId};
use innkeeper_wire::headers::GUEST_HEADERS;
use scripted::{
    LARGE, Running,
    guest::{body, connect_metadata, get, send, wire_network, wire_router},
    said,
};

/// Waiting for what comes at once, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn guests_of_two_routers_with_one_range_do_not_mix() {
    lab::run_async("guests_of_two_routers_with_one_range_do_not_mix", async || {
        let running = Running::start();
        let (blue, green) = (RouterId::random(), RouterId::random());
        wire_router(&format!("qrouter-{blue}"), "guest-blue", "10.0.0.5");
        wire_router(&format!("qrouter-{green}"), "guest-green", "10.0.0.5");
        lab::wait_for("two namespaces", PATIENCE, || running.proxy.status().namespaces == 2);
        for _ in 0..5 {
            let answer = get("guest-blue", "/openstack?x=1");
            assert_eq!(body(&answer), format!("router {blue} 10.0.0.5 0"));
            assert!(!answer.to_ascii_lowercase().contains("x-innkeeper"), "{answer}");
            let answer = get("guest-green", "/");
            assert_eq!(body(&answer), format!("router {green} 10.0.0.5 0"));
        }
        lab::wait_for("their ends", PATIENCE, || running.proxy.status().connections == 0);
        let first = running.next.seen.lock().unwrap()[0].clone();
        assert_eq!((first.method.as_str(), first.target.as_str()), ("GET", "/openstack?x=1"));
        let metrics = running.metrics();
        for line in [
            "innkeeper_proxy_requests_total{reason=\"served\"} 10",
            "innkeeper_proxy_namespaces 2",
            "innkeeper_proxy_namespaces_not_served 0",
        ] {
            assert!(metrics.lines().any(|found| found == line), "no {line} in {metrics}");
        }
    });
}

#[test]
fn networks_are_served_at_the_address_itself() {
    lab::run_async("networks_are_served_at_the_address_itself", async || {
        let running = Running::start();
        for (kind, guest) in [("qdhcp", "guest-1"), ("ovnmeta", "guest-2")] {
            let id = NetworkId::random();
            wire_network(&format!("{kind}-{id}"), guest, "10.0.0.7");
            lab::wait_for("the namespace", PATIENCE, || {
                scripted::guest::connect(guest, "169.254.169.254:80").is_ok()
            });
            assert_eq!(body(&get(guest, "/")), format!("network {id} 10.0.0.7 0"));
        }
        let status = running.proxy.status();
        assert_eq!((status.namespaces, status.troubles), (2, Vec::new()));
    });
}

#[test]
fn nothing_a_guest_says_of_itself_gets_through() {
    lab::run_async("nothing_a_guest_says_of_itself_gets_through", async || {
        let running = Running::start();
        let id = RouterId::random();
        wire_router(&format!("qrouter-{id}"), "guest", "10.0.0.5");
        lab::wait_for("the namespace", PATIENCE, || running.proxy.status().namespaces == 1);
        let evil = "11111111-1111-4111-8111-111111111111";
        let names = [
            "X-Neutron-Router-ID",
            "X-Neutron-Network-ID",
            "X-OVN-Network-ID",
            "X-Forwarded-For",
            "X-Instance-ID",
            "X-Tenant-ID",
            "X-Instance-ID-Signature",
            "X-Innkeeper-Address",
            "X-Innkeeper-Signature",
            "X-Innkeeper-Request-Id",
            "X-Metadata-Provider",
            "Forwarded",
        ];
        let mut sent = 0;
        for name in names {
            let spellings = [name.to_owned(), name.to_lowercase(), name.replace('-', "_")];
            for name in &spellings {
                let get = "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: probe\r\nConnection: close\r\n";
                let post = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
                for bytes in [
                    format!("{get}{name}: {evil}\r\n\r\n"),
                    format!("{get}{name}: {evil}\r\n{name}: {evil}\r\n\r\n"),
                    format!("{get}{name}: {evil}, {evil}\r\n\r\n"),
                    format!("{get}Accept: a\r\n {name}: {evil}\r\n\r\n"),
                    format!("{get}{name} : {evil}\r\n\r\n"),
                    format!("{get}Connection: {name}\r\n{name}: {evil}\r\n\r\n"),
                    format!(
                        "{post}Transfer-Encoding: chunked\r\nTrailer: {name}\r\n\r\n\
                         1\r\nx\r\n0\r\n{name}: {evil}\r\n\r\n"
                    ),
                ] {
                    let answer = send("guest", bytes.as_bytes());
                    let status = answer.get(9..12).unwrap_or_default();
                    assert!(["200", "400"].contains(&status), "{bytes:?}: {answer:?}");
                    sent += usize::from(status == "200");
                }
            }
        }
        let seen = running.next.seen.lock().unwrap();
        assert_eq!(seen.len(), sent);
        assert!(sent > 100, "only {sent} were not refused: the test tests nothing");
        for request in seen.iter() {
            assert_eq!(said(&request.who), format!("router {id} 10.0.0.5"));
            for (name, value) in &*request.headers {
                assert!(GUEST_HEADERS.contains(name), "{name} got through");
                let value = value.to_str().unwrap();
                let folded = name == "accept" && value.starts_with("a ");
                assert!(folded || !value.contains(evil), "{name}: {value} got through");
            }
        }
    });
}

#[test]
fn a_large_body_in_many_pieces_arrives_whole() {
    lab::run_async("a_large_body_in_many_pieces_arrives_whole", async || {
        let running = Running::start();
        let id = RouterId::random();
        wire_router(&format!("qrouter-{id}"), "guest", "10.0.0.5");
        lab::wait_for("the namespace", PATIENCE, || running.proxy.status().namespaces == 1);
        let mut stream = connect_metadata("guest");
        let body_sent: Vec<u8> = (0..102_400_u32).map(|at| at.to_le_bytes()[0]).collect();
        stream.set_nodelay(true).unwrap();
        let head = "POST /password HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                    Content-Length: 102400\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for piece in body_sent.chunks(1_000) {
            stream.write_all(piece).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(body(&answer), format!("router {id} 10.0.0.5 102400"));
        assert_eq!(running.next.seen.lock().unwrap()[0].body, body_sent);
    });
}

#[test]
fn a_large_answer_to_who_asks_once_arrives_whole() {
    lab::run_async("a_large_answer_to_who_asks_once_arrives_whole", async || {
        let running = Running::start();
        let id = RouterId::random();
        wire_router(&format!("qrouter-{id}"), "guest", "10.0.0.5");
        lab::wait_for("the namespace", PATIENCE, || running.proxy.status().namespaces == 1);
        let mut stream = connect_metadata("guest");
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        lab::wait_for("the request", PATIENCE, || !running.next.seen.lock().unwrap().is_empty());
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(running.proxy.status().connections, 1, "it is not sent yet");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = body(&answer);
        assert!(body.len() == LARGE && body.bytes().all(|byte| byte == b'0'), "{}", body.len());
        lab::wait_for("its end", PATIENCE, || running.proxy.status().connections == 0);
    });
}

#[test]
fn what_was_asked_before_the_stop_is_answered() {
    lab::run_async("what_was_asked_before_the_stop_is_answered", async || {
        let running = Running::start();
        let id = RouterId::random();
        wire_router(&format!("qrouter-{id}"), "guest", "10.0.0.5");
        lab::wait_for("the namespace", PATIENCE, || running.proxy.status().namespaces == 1);
        let asking = std::thread::spawn(|| get("guest", "/slow"));
        lab::wait_for("the request", PATIENCE, || !running.next.seen.lock().unwrap().is_empty());
        running.stop.cancel();
        assert_eq!(body(&asking.join().unwrap()), format!("router {id} 10.0.0.5 0"));
        tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
        assert!(scripted::guest::connect("guest", "169.254.169.254:80").is_err());
    });
}

#[test]
fn what_is_no_request_is_refused_here_and_counted() {
    lab::run_async("what_is_no_request_is_refused_here_and_counted", async || {
        let running = Running::start();
        let id = RouterId::random();
        wire_router(&format!("qrouter-{id}"), "guest", "10.0.0.5");
        lab::wait_for("the namespace", PATIENCE, || running.proxy.status().namespaces == 1);
        for (request, status) in [
            ("OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "400"),
            ("CONNECT evil:80 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "400"),
            ("CONNECT /openstack HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "400"),
            ("\u{7f}\u{7f} no HTTP\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", "413"),
        ] {
            let answer = send("guest", request.as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        }
        assert!(running.next.seen.lock().unwrap().is_empty());
        // What is no HTTP at all is counted when its connection has ended.
        for line in [
            "innkeeper_proxy_requests_total{reason=\"bad-request\"} 4",
            "innkeeper_proxy_requests_total{reason=\"body-too-large\"} 1",
        ] {
            lab::wait_for(line, PATIENCE, || running.metrics().lines().any(|found| found == line));
        }
    });
}
