//! A request head as a guest may write it, down to the document that answers it.

#![no_main]

use std::sync::LazyLock;

use http::{HeaderName, HeaderValue, Uri};
use innkeeper_documents::{CivilDate, Entry, GuestTree, Settings};
use innkeeper_model::{GuestRecord, ImportedInstance};
use innkeeper_wire::target::path_of;
use libfuzzer_sys::fuzz_target;

/// A recorded machine that has something at most paths.
static RECORD: LazyLock<GuestRecord> = LazyLock::new(|| {
    let recorded = include_str!("../../tests/conformance/full/input.json");
    let imported: ImportedInstance = serde_json::from_str(recorded).expect("a recorded machine");
    imported.record().expect("a machine")
});

static SETTINGS: LazyLock<Settings> = LazyLock::new(Settings::default);

/// As many as hyper reads of a request.
const HEADERS_MAX: usize = 100;

fuzz_target!(|head: &[u8]| answer(head));

fn answer(head: &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(_))) {
        return;
    }
    let asked_from = asked_from(request.headers);
    let Some(target) = request.path.and_then(|path| path.parse::<Uri>().ok()) else { return };
    let Ok(target) = path_of(&target) else { return };
    assert!(target.path().starts_with('/'), "{target} is no path");
    let Ok(path) = percent_encoding::percent_decode_str(target.path()).decode_utf8() else {
        return;
    };
    let tree = GuestTree::new(&RECORD, &SETTINGS, CivilDate::from_unix(1_795_392_000))
        .asked_from(asked_from);
    match tree.get(&path) {
        None => {}
        Some(Entry::File(file)) => {
            file.render(&mut |bytes| bytes.fill(7));
        }
        Some(Entry::Directory(directory)) => {
            for child in directory.children() {
                let below = format!("{}/{}", base(&path), child.segment());
                assert!(tree.get(&below).is_some(), "{below} is listed but not there");
            }
        }
    }
}

/// Listings of a version are also served by the name `version` below it.
fn base(path: &str) -> String {
    let mut segments = innkeeper_model::path::segments(path);
    if let ["openstack", _, "version"] = segments.as_slice() {
        segments.pop();
    }
    format!("/{}", segments.join("/"))
}

/// What the server makes of headers: those that HTTP knows, and text where text is wanted.
fn asked_from(headers: &[httparse::Header<'_>]) -> Option<String> {
    let decoded = headers.iter().filter_map(|header| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(header.value).ok()?))
    });
    let map: http::HeaderMap = decoded.collect();
    map.get("x-forwarded-for").and_then(|value| value.to_str().ok()).map(str::to_owned)
}
