//! Every document, listing and config drive against recordings of OpenStack Nova 26.2.2, byte for byte.
//!
//! What is not compared stands in [`not_compared`], each with its reason; a test fails if a line
//! there is no longer needed.

#![allow(clippy::panic, reason = "helpers of tests panic as tests do")]

mod drive;
mod recording;

use std::{collections::BTreeMap, fmt::Write as _};

use innkeeper_documents::{
    CivilDate, Directory, Entry, GuestTree, OpenStackVersion, Settings, VendorDataProvider,
    root_listing,
};
use recording::{Case, Config, Response};

/// The newest version that Nova 26.2.2 knows.
const NEWEST: OpenStackVersion = OpenStackVersion::V2020_10_14;

/// 2026-11-23, the day of the recordings.
const RECORDED_ON: i64 = 1_795_392_000;

/// Why a response is not compared here; `None` if it is.
fn not_compared(response: &Response) -> Option<&'static str> {
    let path = response.path.as_str();
    if response.status == 0 {
        return Some("Nova failed and closed the connection: here it is not found");
    }
    if path == "/healthcheck" {
        return Some("a route of Debian's paste configuration, not of Nova's");
    }
    if response.method != "GET" {
        return Some("methods are the server's affair: compared in the api crate");
    }
    None
}

#[test]
fn every_recorded_answer_is_given() {
    let mut compared = 0;
    let mut left_out: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut differences = String::new();
    for case in recording::cases() {
        for (config, responses) in [(Config::A, &case.responses), (Config::B, &case.responses_b)] {
            let settings = settings(config);
            for response in responses {
                if let Some(reason) = not_compared(response) {
                    *left_out.entry(reason).or_default() += 1;
                    continue;
                }
                compared += 1;
                if let Some(difference) = difference(&case, &settings, response) {
                    let Case { name, .. } = &case;
                    let Response { method, path, .. } = response;
                    let _ =
                        writeln!(differences, "{name} {config:?} {method} {path}\n{difference}");
                }
            }
        }
    }
    println!("{compared} answers compared; left out: {left_out:#?}");
    assert!(differences.is_empty(), "\n{differences}");
    assert!(compared > 5_000, "only {compared} answers were compared: are the recordings there?");
    assert_eq!(left_out.len(), 3, "a reason of not_compared is no longer needed: {left_out:#?}");
}

/// Where Nova failed, we say that there is nothing; these are all the places.
#[test]
fn what_broke_nova_is_not_found() {
    for case in recording::cases() {
        let settings = settings(Config::A);
        let tree = tree(&case, &settings);
        for response in case.responses.iter().filter(|response| response.status == 0) {
            let path = response.decoded_path().unwrap_or_else(|| "\u{fffd}".to_owned());
            let found = tree.get(&path);
            assert!(found.is_none(), "{} {path}: {found:?}", case.name);
        }
    }
}

#[test]
fn every_child_of_every_directory_is_there() {
    for case in recording::cases() {
        for config in [Config::A, Config::B] {
            let settings = settings(config);
            let tree = tree(&case, &settings);
            let files = walk(&tree, &mut vec!["".to_owned()], &root_listing())
                + walk(&tree, &mut vec!["".to_owned(), "openstack".to_owned()], &{
                    let Some(Entry::Directory(versions)) = tree.get("/openstack") else {
                        panic!("/openstack is no directory")
                    };
                    versions
                });
            assert!(files > 100, "{}: only {files} files", case.name);
        }
    }
}

fn walk(tree: &GuestTree<'_>, at: &mut Vec<String>, directory: &Directory) -> usize {
    let mut files = 0;
    for child in directory.children() {
        at.push(child.segment().to_owned());
        let path = at.join("/");
        match tree.get(&path) {
            Some(Entry::Directory(below)) => files += walk(tree, at, &below),
            Some(Entry::File(file)) => {
                file.render(&mut |bytes| bytes.fill(7));
                files += 1;
            }
            None => panic!("{path} is listed but not there"),
        }
        at.pop();
    }
    files
}

fn settings(config: Config) -> Settings {
    let settings = Settings { newest_openstack_version: NEWEST, ..Settings::default() };
    match config {
        Config::A => {
            let static_vendor_data = recording::static_vendor_data();
            Settings { static_vendor_data, ..settings }
        }
        Config::B => {
            let vendordata_providers =
                vec![VendorDataProvider::StaticJson, VendorDataProvider::DynamicJson];
            Settings { dhcp_domain: None, vendordata_providers, ..settings }
        }
    }
}

fn tree<'a>(case: &'a Case, settings: &'a Settings) -> GuestTree<'a> {
    GuestTree::new(&case.record, settings, CivilDate::from_unix(RECORDED_ON))
        .with_dynamic_vendor_data(&case.dynamic_vendor_data)
}

fn difference(case: &Case, settings: &Settings, response: &Response) -> Option<String> {
    let tree = tree(case, settings).asked_from(response.header("X-Forwarded-For"));
    let (content_type, body) = match tree.get(&response.decoded_path()?) {
        None => {
            let found = response.status == 200;
            return found.then(|| format!("  Nova: {:?}\n  ours: nothing", response.text()));
        }
        Some(Entry::Directory(directory)) => {
            ("text/plain; charset=UTF-8", directory.listing().into_bytes())
        }
        Some(Entry::File(file)) => {
            let body = file.render(&mut |bytes| bytes.fill(7)).to_vec();
            (file.media_type().as_str(), body)
        }
    };
    let ours = mask_seed(&body);
    let theirs = mask_seed(&response.body);
    let same = response.status == 200
        && ours == theirs
        && response.response_header("Content-Type") == Some(content_type);
    (!same).then(|| {
        let (status, type_) = (response.status, response.response_header("Content-Type"));
        let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        let from = at.saturating_sub(40);
        let excerpt = |bytes: &[u8]| {
            let end = bytes.len().min(at + 120);
            String::from_utf8_lossy(&bytes[from.min(end)..end]).into_owned()
        };
        format!(
            "  differs at byte {at}\n  Nova: {status} {type_:?} …{}\n  ours: {content_type} …{}",
            excerpt(&theirs),
            excerpt(&ours)
        )
    })
}

/// Puts one text in place of the seed, which is fresh each time. Its length must be right.
fn mask_seed(body: &[u8]) -> Vec<u8> {
    const BEFORE: &[u8] = b"\"random_seed\": \"";
    const SEED_CHARS: usize = 684;
    let mut body = body.to_vec();
    if let Some(at) = body.windows(BEFORE.len()).position(|window| window == BEFORE) {
        let seed = at + BEFORE.len()..at + BEFORE.len() + SEED_CHARS;
        assert_eq!(body.get(seed.end), Some(&b'"'), "a seed of another length");
        body.splice(seed, *b"masked");
    }
    body
}
