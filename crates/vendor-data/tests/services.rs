//! Asking services: what is sent, what is taken for an answer, and how long it may take.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{sync::Arc, time::Duration};

use innkeeper_vendor_data::{Target, VendorDataError};
use serde_json::{Value, json};
use support::{PATIENCE, Service, answer, machine, ok, record, said, vendor_data, with};
use tokio::{
    io::AsyncWriteExt,
    sync::{Barrier, Notify},
    time::{Instant, sleep},
};

/// Time enough for loopback, and short enough to wait for.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn the_request_is_nova_s() {
    let service = Service::saying(ok("{}")).await;
    let place = service.address.to_string();
    let url = format!("a@http://me:pass%20word@{place}/p%20q/x?site=1&y=2");
    let record = record(&json!({
        "id": "00000000-0000-4000-8000-000000000001",
        "project_id": "acme",
        "name": "web",
        "hostname": "web.example",
        "user_data": "aGVs\nbG8=",
        "metadata": {"b": "ü\u{1f600}\u{7f}\"\\\n", "a": ""},
    }));
    said(&vendor_data(vec![Target::parse(&url).unwrap()]), &record).await;
    let asked = service.asked().pop().unwrap();
    let body = concat!(
        r#"{"project-id": "acme", "instance-id": "00000000-0000-4000-8000-000000000001", "#,
        r#""image-id": "", "user-data": "aGVs\nbG8=", "hostname": "web.example", "#,
        r#""metadata": {"b": "\u00fc\ud83d\ude00\u007f\"\\\n", "a": ""}, "#,
        r#""boot-roles": "member,reader"}"#
    );
    assert_eq!(String::from_utf8(asked.body).unwrap(), body);
    let mut lines: Vec<&str> = asked.head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /p%20q/x?site=1&y=2 HTTP/1.1");
    lines.sort_unstable();
    let mut expected = vec![
        "accept: application/json".to_owned(),
        "authorization: Basic bWU6cGFzcyB3b3Jk".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        format!("host: {place}"),
        "user-agent: openstack-nova-vendordata".to_owned(),
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn services_are_asked_at_once_and_answer_in_the_configured_order() {
    let (both, last_said) = (Arc::new(Barrier::new(2)), Arc::new(Notify::new()));
    let (barrier, notify) = (Arc::clone(&both), Arc::clone(&last_said));
    let first = Service::start(move |call| {
        let (both, last_said) = (Arc::clone(&barrier), Arc::clone(&notify));
        async move {
            both.wait().await;
            last_said.notified().await;
            call.reply_json(&json!(1)).await;
        }
    })
    .await;
    let last = Service::start(move |call| {
        let (both, last_said) = (Arc::clone(&both), Arc::clone(&last_said));
        async move {
            both.wait().await;
            call.reply_json(&json!(2)).await;
            last_said.notify_one();
        }
    })
    .await;
    let vendor_data = vendor_data(vec![first.target("first"), last.target("last")]);
    let said = vendor_data.dynamic_of(&machine(1, 1), Instant::now() + PATIENCE).await.unwrap();
    assert_eq!(*said, [("first".to_owned(), json!(1)), ("last".to_owned(), json!(2))]);
}

#[tokio::test]
async fn any_json_is_taken_as_it_is() {
    for (bytes, value) in [
        (ok("[1, {\"b\": 1, \"a\": 1.50}]"), json!([1, {"b": 1, "a": 1.5}])),
        (ok("18446744073709551615"), json!(u64::MAX)),
        (ok(" \"text\"\n"), json!("text")),
        (ok("null"), Value::Null),
        (ok(""), json!({})),
        (answer("201 Created", "1"), json!(1)),
        (answer("202 Accepted", "2"), json!(2)),
        (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), json!({})),
        (b"HTTP/1.0 200 OK\r\n\r\n[\"to the end\"]".to_vec(), json!(["to the end"])),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n"
                .to_vec(),
            json!([]),
        ),
    ] {
        let service = Service::saying(bytes.clone()).await;
        let vendor_data = with(vec![service.target("a")], |config| config.failure_fatal = true);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let said = said(&vendor_data, &machine(1, 1)).await;
        assert_eq!(said.to_string(), json!({"a": value}).to_string(), "of {shown}");
    }
}

/// What a service must not say.
fn failures() -> Vec<(&'static str, Vec<u8>)> {
    let huge = format!("\"{}\"", "x".repeat(1024 * 1024));
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n".to_vec();
    chunked.resize(chunked.len() + 0x10_0001, b'1');
    chunked.extend(b"\r\n0\r\n\r\n");
    vec![
        ("status 404", answer("404 Not Found", "{\"hunter2\": 1}")),
        ("status 500", answer("500 Internal Server Error", "{}")),
        ("status 503", answer("503 Service Unavailable", "{}")),
        ("status 304", b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()),
        ("is not JSON", ok("{\"hunter2\": ")),
        ("is not JSON", ok("<hunter2>")),
        ("is not JSON", ok(" ")),
        ("more than 1048576 bytes", ok(&huge)),
        ("more than 1048576 bytes", chunked),
        ("broke", b"hunter2\r\n\r\n".to_vec()),
        ("broke", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"hunter2\": 1}".to_vec()),
        ("broke", Vec::new()),
    ]
}

#[tokio::test]
async fn a_failure_costs_its_own_part_only() {
    let good = Service::saying(ok("1")).await;
    for (what, bytes) in failures() {
        let bad = Service::saying(bytes).await;
        let vendor_data = vendor_data(vec![bad.target("bad"), good.target("good")]);
        let said = said(&vendor_data, &machine(1, 1)).await;
        assert_eq!(said, json!({"bad": {}, "good": 1}), "{what}");
        assert_eq!(bad.times(), 1, "a question was repeated: {what}");
    }
}

#[tokio::test]
async fn a_fatal_failure_names_the_target_and_shows_nothing_of_the_answer() {
    let good = Service::saying(ok("1")).await;
    for (what, bytes) in failures() {
        let bad = Service::saying(bytes).await;
        let targets = vec![good.target("good"), bad.target("bad")];
        let vendor_data = with(targets, |config| config.failure_fatal = true);
        let error = vendor_data.dynamic_of(&machine(1, 1), Instant::now() + PATIENCE).await;
        let error = error.expect_err(what);
        assert!(matches!(&error, VendorDataError::Target { target, .. } if target == "bad"));
        let text = error.to_string();
        assert!(text.contains("\"bad\"") && text.contains(what), "not {what}: {text}");
        assert!(!format!("{text}{error:?}").contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure() {
    let gone = Service::saying(ok("1")).await.target("gone");
    assert_eq!(said(&vendor_data(vec![gone]), &machine(1, 1)).await, json!({"gone": {}}));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Service::saying(ok("\"another's\"")).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("http://{}/", elsewhere.address);
        let redirect =
            format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 2\r\n\r\n{{}}");
        let service = Service::saying(redirect).await;
        let said = said(&vendor_data(vec![service.target("a")]), &machine(1, 1)).await;
        assert_eq!(said, json!({"a": {}}));
        assert_eq!(service.times(), 1);
    }
    assert_eq!(elsewhere.times(), 0, "a service chose where a machine's data was sent");
}

#[tokio::test]
async fn silence_and_a_drip_end_at_the_read_timeout() {
    let silent = Service::start(|call| async move {
        let _open = call;
        std::future::pending::<()>().await;
    })
    .await;
    let drip = Service::start(|mut call| async move {
        call.stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n").await.unwrap();
        while call.stream.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let targets = vec![silent.target("silent"), drip.target("drip")];
    let vendor_data = with(targets, |config| config.read_timeout = SHORT);
    let begun = Instant::now();
    assert_eq!(said(&vendor_data, &machine(1, 1)).await, json!({"silent": {}, "drip": {}}));
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_ends_at_the_connect_timeout() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mute@https://{}/", mute.local_addr().unwrap());
    let vendor_data =
        with(vec![Target::parse(&url).unwrap()], |config| config.connect_timeout = SHORT);
    let begun = Instant::now();
    assert_eq!(said(&vendor_data, &machine(1, 1)).await, json!({"mute": {}}));
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_deadline_cuts_the_wait_and_keeps_what_was_said() {
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let late = Service::start(move |call| {
        let released = Arc::clone(&released);
        async move {
            released.notified().await;
            call.reply_json(&json!("late")).await;
        }
    })
    .await;
    let good = Service::saying(ok("1")).await;
    let vendor_data = vendor_data(vec![late.target("late"), good.target("good")]);
    let begun = Instant::now();
    let said_in_time = vendor_data.dynamic_of(&machine(1, 1), begun + SHORT).await.unwrap();
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
    assert_eq!(*said_in_time, [("late".to_owned(), json!({})), ("good".to_owned(), json!(1))]);

    release.notify_one();
    assert_eq!(
        said(&vendor_data, &machine(1, 1)).await,
        json!({"late": "late", "good": 1}),
        "the next request did not find the answer"
    );
    assert_eq!((late.times(), good.times()), (1, 1));
}

#[tokio::test]
async fn a_late_answer_is_fatal_if_failures_are() {
    let silent = Service::start(|call| async move {
        let _open = call;
        std::future::pending::<()>().await;
    })
    .await;
    let vendor_data = with(vec![silent.target("a")], |config| config.failure_fatal = true);
    let outcome = vendor_data.dynamic_of(&machine(1, 1), Instant::now() + SHORT).await;
    assert!(matches!(outcome, Err(VendorDataError::Target { .. })));
}
