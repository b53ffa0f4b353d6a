//! The API on a TCP port against recordings of OpenStack Nova 26.2.2: status, headers and body.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr};

use innkeeper_api::Identification;
use innkeeper_model::Vif;

use crate::harness::{Answer, Recorded, World, ask_raw, recordings};

/// Where Nova's own failures end, and which answers are not compared. A test fails if a line here
/// is no longer needed.
enum Expected {
    /// Nova's very answer.
    Same,
    /// Ours, on purpose.
    Differs(u16, &'static str),
    /// Not compared.
    Skipped(&'static str),
}

fn expected(recorded: &Recorded) -> Expected {
    let uncaught = recorded.answer.status == 0
        || (recorded.answer.status == 500 && recorded.answer.body.is_empty());
    match recorded.path.as_str() {
        "*" => Expected::Differs(400, "it names no path of ours; Nova fails"),
        "/healthcheck" => Expected::Skipped("a route that Debian adds"),
        _ if recorded.name == "non-ascii signature" => {
            Expected::Differs(403, "a wrong signature like any other; Nova fails")
        }
        _ if recorded.name == "POST no content-length" => {
            Expected::Differs(200, "a body without a length is a body; Nova fails")
        }
        _ if recorded.name == "POST non-utf8" => {
            Expected::Differs(400, "what is no text is no password; Nova fails")
        }
        _ if uncaught => Expected::Differs(404, "there is nothing; Nova fails"),
        "/latest/meta-data/local-ipv4" if remembers_an_address(recorded) => {
            Expected::Differs(200, "nobody said the address; Nova remembers an earlier request's")
        }
        _ => Expected::Same,
    }
}

/// Nova keeps a machine's record for 15 s, with the address of whoever made it read it.
fn remembers_an_address(recorded: &Recorded) -> bool {
    let told = recorded.headers.iter().find(|(name, _)| name == "X-Forwarded-For");
    recorded.answer.body != told.map_or("None", |(_, value)| value).as_bytes()
}

/// Asks all of `file`; returns how many answers were Nova's, and how many were not, by reason.
async fn compare(
    world: &World,
    file: &str,
    without: &[&str],
) -> (usize, BTreeMap<&'static str, usize>) {
    compare_at(world.serve().await, file, without).await
}

/// As [`compare`], where the API is at `address`.
async fn compare_at(
    address: SocketAddr,
    file: &str,
    without: &[&str],
) -> (usize, BTreeMap<&'static str, usize>) {
    let (mut same, mut others) = (0, BTreeMap::new());
    let mut differences = String::new();
    for recorded in recordings(file) {
        let Recorded { name, method, path, headers, body, .. } = &recorded;
        let version = if name == "http 1.0" { "HTTP/1.0" } else { "HTTP/1.1" };
        let expected = expected(&recorded);
        if let Expected::Skipped(reason) = expected {
            *others.entry(reason).or_default() += 1;
            continue;
        }
        let line = format!("{method} {path} {version}");
        let ours = ask_raw(address, &line, headers, body.as_deref()).await;
        let ours = ours.comparable(without);
        let theirs = recorded.answer.clone().comparable(without);
        let agree = match expected {
            Expected::Differs(status, reason) => {
                *others.entry(reason).or_default() += 1;
                ours.status == status && theirs != ours
            }
            _ => {
                same += 1;
                ours == theirs
            }
        };
        if !agree {
            let shown = |answer: &Answer| {
                format!("{} {:?} {:?}", answer.status, answer.headers, answer.text())
            };
            let _ = writeln!(
                differences,
                "{name} {method} {path} {headers:?}\n  Nova: {}\n  ours: {}",
                shown(&theirs),
                shown(&ours)
            );
        }
    }
    assert!(differences.is_empty(), "{file}\n{differences}");
    (same, others)
}

/// What uwsgi took away or added.
const UWSGI: &[&str] = &["content-length", "connection", "date"];
/// What only concerns the connection.
const CONNECTION: &[&str] = &["connection", "date"];

#[tokio::test]
async fn refusals_are_novas() {
    let world = World::new().await;
    world.import("full").await;
    let (same, others) = compare(&world, "_errors/responses.json", UWSGI).await;
    assert_eq!((same, others.len()), (67, 3), "{others:#?}");
}

/// In this order: what is posted stays.
#[tokio::test]
async fn passwords_are_kept_as_by_nova() {
    let world = World::new().await;
    for case in ["password", "devices", "nosg"] {
        world.import(case).await;
    }
    let (same, others) = compare(&world, "_password/responses.json", UWSGI).await;
    assert_eq!((same, others.len()), (17, 2), "{others:#?}");
}

#[tokio::test]
async fn providers_are_answered_as_by_nova() {
    let world = World::new().await;
    let id = world.import("full").await;
    let record = world.store.guest_record(id).await.unwrap().unwrap();
    let on_it = |vif: &&Vif| {
        let mut ips = vif.subnets().iter().flat_map(|subnet| &subnet.ips);
        ips.any(|ip| ip.address.to_string() == "10.1.0.5")
    };
    let vif = record.network_info.iter().find(on_it).unwrap();
    let network = vif.network.as_ref().unwrap().id.parse().unwrap();
    world.store.metadata_provider_add("provider-1", network).await.unwrap();
    let (same, others) = compare(&world, "_provider/responses.json", UWSGI).await;
    assert_eq!((same, others.len()), (7, 0), "{others:#?}");
}

#[tokio::test]
async fn addresses_are_answered_as_by_nova() {
    let world = World::new().await;
    world.import("full").await;
    let by_address = Identification::Address { trust_forwarded_for: true };
    let address = world.serve_by(by_address).await;
    let (same, others) = compare_at(address, "_remote_ip/responses.json", UWSGI).await;
    assert_eq!((same, others.len()), (8, 0), "{others:#?}");
}

/// Every path, method and header, for a machine that needs no more than an operator can enter.
#[tokio::test]
async fn a_machine_is_answered_as_by_nova() {
    let world = World::new().await;
    world.import("full").await;
    world.import("minimal").await;
    let (same, others) = compare(&world, "minimal/responses.json", UWSGI).await;
    assert_eq!((same, others.len()), (492, 3), "{others:#?}");
}

/// The same with Content-Length, which eventlet shows.
#[tokio::test]
async fn headers_are_novas() {
    let world = World::new().await;
    world.import("full").await;
    world.import("minimal").await;
    let (same, others) = compare(&world, "minimal/responses_eventlet.json", CONNECTION).await;
    assert_eq!((same, others.len()), (490, 4), "{others:#?}");
}
