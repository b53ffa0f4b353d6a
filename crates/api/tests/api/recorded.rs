//! The API on a TCP port against recordings of OpenStack Nova 26.2.2: status, headers and body.

use std::{collections::BTreeMap, fmt::Write as _};

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
        _ if uncaught => Expected::Differs(404, "there is nothing; Nova fails"),
        _ if recorded.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("x-forwarded-for") && value.contains(',')
        }) =>
        {
            Expected::Differs(200, "a list of addresses is nobody's; Nova repeats it as local-ipv4")
        }
        "/latest/meta-data/local-ipv4" if remembers_an_address(recorded) => {
            Expected::Differs(200, "nobody said the address; Nova remembers an earlier request's")
        }
        _ => Expected::Same,
    }
}

/// Nova keeps a machine's record for 15 s, with the address of whoever made it read it.
fn remembers_an_address(recorded: &Recorded) -> bool {
    let told = recorded.headers.iter().any(|(name, _)| name == "X-Forwarded-For");
    !told && recorded.answer.body != b"None"
}

/// Asks all of `file`; returns how many answers were Nova's, and how many were not, by reason.
async fn compare(
    world: &World,
    file: &str,
    without: &[&str],
) -> (usize, BTreeMap<&'static str, usize>) {
    let address = world.serve().await;
    let (mut same, mut others) = (0, BTreeMap::new());
    let mut differences = String::new();
    for recorded in recordings(file) {
        let Recorded { name, method, path, headers, .. } = &recorded;
        let version = if name == "http 1.0" { "HTTP/1.0" } else { "HTTP/1.1" };
        let expected = expected(&recorded);
        if let Expected::Skipped(reason) = expected {
            *others.entry(reason).or_default() += 1;
            continue;
        }
        let ours = ask_raw(address, &format!("{method} {path} {version}"), headers).await;
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

/// Every path, method and header, for a machine that needs no more than an operator can enter.
#[tokio::test]
async fn a_machine_is_answered_as_by_nova() {
    let world = World::new().await;
    world.import("full").await;
    world.import("minimal").await;
    let (same, others) = compare(&world, "minimal/responses.json", UWSGI).await;
    assert_eq!((same, others.len()), (491, 4), "{others:#?}");
}

/// The same with Content-Length, which eventlet shows.
#[tokio::test]
async fn headers_are_novas() {
    let world = World::new().await;
    world.import("full").await;
    world.import("minimal").await;
    let (same, others) = compare(&world, "minimal/responses_eventlet.json", CONNECTION).await;
    assert_eq!((same, others.len()), (490, 5), "{others:#?}");
}
