//! Config drives against those that Nova made: the same paths in the same order, the same bytes.
//!
//! `tests/conformance/drive_differences.txt` says where they differ on purpose.

use std::fmt::Write as _;

use bytes::Bytes;
use innkeeper_documents::{CivilDate, DriveContents, GuestTree, Settings, SkippedVersion};

use crate::{
    mask_seed,
    recording::{self, Case, Config},
    settings,
};

/// A line of the file of differences.
struct Difference {
    case: String,
    path: String,
    kind: String,
    is_needed: bool,
}

#[test]
fn every_recorded_drive_is_made() {
    let mut known = differences();
    let (mut compared, mut failures) = (0, String::new());
    for case in recording::cases() {
        let settings = settings(Config::A);
        let ours = drive(&case, &settings, SkippedVersion::DEFAULT);
        let our_paths: Vec<&str> = ours.iter().map(|(path, _)| path.as_str()).collect();
        let their_paths: Vec<&str> =
            case.config_drive.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(our_paths, their_paths, "{}: the drive's files", case.name);
        for ((path, ours), (_, theirs)) in ours.iter().zip(&case.config_drive) {
            compared += 1;
            let theirs = differing_as_known(&mut known, &case.name, path, ours, theirs.clone());
            if *ours != theirs {
                let (ours, theirs) =
                    (String::from_utf8_lossy(ours), String::from_utf8_lossy(&theirs));
                let _ =
                    writeln!(failures, "{} {path}\n  Nova: {theirs}\n  ours: {ours}", case.name);
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert!(compared > 480, "only {compared} files were compared: are the recordings there?");
    let unneeded: Vec<String> = known
        .iter()
        .filter(|line| !line.is_needed)
        .map(|line| format!("{} {} {}", line.case, line.path, line.kind))
        .collect();
    assert_eq!(unneeded, [""; 0], "no drive needs these lines of drive_differences.txt");
}

/// The newest version is newer than the recordings: it adds a directory, and nothing else.
#[test]
fn the_newest_version_is_one_more_directory() {
    for case in recording::cases() {
        let newest = Settings::default();
        let ours = drive(&case, &newest, SkippedVersion::DEFAULT);
        let (new, known): (Vec<_>, Vec<_>) =
            ours.iter().map(|(path, _)| path.as_str()).partition(|path| path.contains("2025"));
        let recorded: Vec<&str> = case.config_drive.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(known, recorded, "{}", case.name);
        assert!(new.contains(&"openstack/2025-04-04/network_data.json"), "{new:?}");
    }
}

/// An image can only share a place between files that share their memory.
#[test]
fn what_is_equal_is_the_same_memory() {
    for case in recording::cases() {
        let files = drive(&case, &Settings::default(), &[]);
        for (path, a) in &files {
            for (other, b) in &files {
                let is_same = a.as_ptr() == b.as_ptr();
                assert!(a != b || is_same || a.is_empty(), "{}: {path} and {other}", case.name);
            }
        }
    }
}

fn drive(case: &Case, settings: &Settings, skip: &[SkippedVersion]) -> Vec<(String, Bytes)> {
    let instance = &case.record.instance;
    let contents = DriveContents {
        admin_password: instance.admin_password.as_ref().map(|password| password.expose()),
        personality: &instance.personality,
        skip_versions: skip,
    };
    GuestTree::new(&case.record, settings, CivilDate::from_unix(0))
        .with_dynamic_vendor_data(&case.dynamic_vendor_data)
        .drive_files(&contents, &mut |bytes| bytes.fill(7))
        .expect("a drive")
}

/// What Nova wrote, but for the differences that are listed.
fn differing_as_known(
    known: &mut [Difference],
    case: &str,
    path: &str,
    ours: &[u8],
    mut theirs: Vec<u8>,
) -> Vec<u8> {
    let applies = |line: &&mut Difference| matches(&line.case, case) && matches(&line.path, path);
    for line in known.iter_mut().filter(applies) {
        let without = match line.kind.as_str() {
            "random_seed" => with_seed_of(ours, &theirs),
            "_name" => without_name(&theirs),
            other => panic!("drive_differences.txt: there is no difference \"{other}\""),
        };
        line.is_needed |= without != theirs;
        theirs = without;
    }
    theirs
}

/// `theirs` with the seed that `ours` has, if both have one.
fn with_seed_of(ours: &[u8], theirs: &[u8]) -> Vec<u8> {
    if mask_seed(ours) == mask_seed(theirs) { ours.to_vec() } else { theirs.to_vec() }
}

/// Without `"_name": "…", `, which is the first key of its object.
fn without_name(theirs: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(theirs.to_vec()).expect("JSON is UTF-8");
    let Some((before, after)) = text.split_once(r#""_name": "0="#) else { return text.into() };
    let (_, after) = after.split_once("\", ").expect("another key after _name");
    format!("{before}{after}").into()
}

/// Whether `text` is `pattern`, in which `*` is any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| matches(rest, text)))
}

fn differences() -> Vec<Difference> {
    let text = recording::text_of("drive_differences.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (words, reason) = line.split_once(" # ").expect("a reason on each line");
            assert!(!reason.is_empty(), "no reason: {line}");
            let [case, path, kind] = words.split(' ').collect::<Vec<_>>()[..] else {
                panic!("not CASE PATH DIFFERENCE: {line}")
            };
            let (case, path, kind) = (case.to_owned(), path.to_owned(), kind.to_owned());
            Difference { case, path, kind, is_needed: false }
        })
        .collect()
}
