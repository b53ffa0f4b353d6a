//! Images that contradict themselves, end too early or would be read forever.

use bytes::Bytes;
use innkeeper_image::{Drive, EntryKind, ReadError};
use proptest::prelude::*;

use crate::sample::{config_drive, files_on, image, tree};

const SECTOR: usize = 2048;

/// Reads all that can be read. What comes of it does not matter, but that it comes.
fn read_all(image: &[u8]) -> Result<usize, ReadError> {
    let drive = Drive::open(image)?;
    let mut read = drive.label().len();
    for (number, entry) in drive.entries()?.into_iter().enumerate() {
        if number % 16 == 0 {
            drive.find(&entry.path)?;
        }
        if entry.kind == EntryKind::File {
            read += drive.read(&entry)?.len();
        }
    }
    Ok(read)
}

fn entries_error(image: &[u8]) -> ReadError {
    Drive::open(image).unwrap().entries().unwrap_err()
}

/// The only place of `bytes` in an image, or the one of that number.
fn place(image: &[u8], bytes: &[u8], number: usize) -> usize {
    let mut places = (0..image.len()).filter(|at| image[*at..].starts_with(bytes));
    places.nth(number).unwrap_or_else(|| panic!("{bytes:?} is not there"))
}

/// The record that Rock Ridge names so.
fn record(image: &[u8], name: &str) -> usize {
    let field =
        [b"NM", &[5 + u8::try_from(name.len()).unwrap(), 1, 0][..], name.as_bytes()].concat();
    let at = place(image, &field, 0);
    // The plain name is in front of it, and before that the fixed part of the record.
    let plain = [name.as_bytes(), b".;1"].concat();
    let found = (at - 140..at).rev().find(|at| {
        image[*at..].starts_with(&plain)
            || (image[*at..].starts_with(name.as_bytes()) && image[*at - 8] & 2 == 2)
    });
    found.unwrap() - 33
}

#[test]
fn what_is_no_image_is_unknown() {
    for nothing in [&[][..], &[0; 100], &[0; 100_000], b"CD001"] {
        assert!(matches!(Drive::open(nothing).map(drop), Err(ReadError::Unknown)));
    }
}

#[test]
fn an_image_cut_anywhere_says_that_it_is_truncated() {
    let bytes = image(&config_drive()).to_vec();
    // Behind the last file there may be zeros, which nobody misses.
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for end in (17 * SECTOR..written).step_by(SECTOR / 2) {
        let error = read_all(&bytes[..end]).expect_err("there is less than was written");
        assert!(matches!(error, ReadError::Truncated { .. }), "{end}: {error}");
        assert!(error.to_string().contains("truncated"), "{error}");
    }
}

#[test]
fn a_directory_that_is_in_itself_ends() {
    let mut bytes = image(&tree([("in/side", Bytes::new())])).to_vec();
    let child = record(&bytes, "in");
    let root: [u8; 4] = bytes[16 * SECTOR + 158..][..4].try_into().unwrap();
    bytes[child + 2..child + 6].copy_from_slice(&root);
    let error = entries_error(&bytes).to_string();
    assert!(error.contains("\"in\" is also somewhere else"), "{error}");
}

#[test]
fn names_that_climb_are_refused() {
    for name in ["..", "a/", "\0b", "\na", "\u{1b}c"] {
        let mut bytes = image(&tree([("xx", Bytes::new())])).to_vec();
        let at = place(&bytes, b"NM\x07\x01\0xx", 0) + 5;
        bytes[at..at + 2].copy_from_slice(name.as_bytes());
        let error = entries_error(&bytes).to_string();
        assert!(error.contains("cannot be a name"), "{error}");
    }
}

#[test]
fn a_continuation_of_itself_ends() {
    let mut bytes = image(&tree([("n".repeat(200), Bytes::new())])).to_vec();
    // The second one is the file's, the first one the root's.
    let at = place(&bytes, b"CE\x1c\x01", 1);
    bytes[at + 20..at + 24].copy_from_slice(&28_u32.to_le_bytes());
    let entry = bytes[at..at + 28].to_vec();
    let area = u32::from_le_bytes(entry[4..8].try_into().unwrap()) as usize * SECTOR;
    let offset = u32::from_le_bytes(entry[12..16].try_into().unwrap()) as usize;
    bytes[area + offset..][..28].copy_from_slice(&entry);
    let error = entries_error(&bytes).to_string();
    assert!(error.contains("goes on without end"), "{error}");
}

#[test]
fn a_length_that_is_not_there_takes_no_memory() {
    let mut bytes = image(&tree([("xx", Bytes::from_static(b"two"))])).to_vec();
    let at = record(&bytes, "xx");
    for (len, expected) in [(50_000_000_u32, "truncated"), (u32::MAX, "more than the 67108864")] {
        bytes[at + 10..at + 14].copy_from_slice(&len.to_le_bytes());
        let drive = Drive::open(&bytes[..]).unwrap();
        let file = drive.find("xx").unwrap().unwrap();
        let error = drive.read(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_directory_too_long_is_refused() {
    let mut bytes = image(&tree([("in/side", Bytes::new())])).to_vec();
    let at = record(&bytes, "in");
    bytes[at + 10..at + 14].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = entries_error(&bytes);
    assert!(matches!(error, ReadError::TooMuch { limit: 4_194_304, .. }), "{error}");
}

#[test]
fn more_entries_than_a_drive_has_are_refused() {
    let many = (0..10_001).map(|number| (format!("{number}"), Bytes::new()));
    let error = entries_error(&image(&tree(many)).to_vec());
    assert!(error.to_string().contains("more than the 10000 that"), "{error}");
}

#[test]
fn a_file_in_two_records_is_one() {
    let (first, second) = (vec![1; SECTOR], vec![2; 10]);
    let files = [("x1", Bytes::from(first.clone())), ("x2", Bytes::from(second.clone()))];
    let mut bytes = image(&tree(files)).to_vec();
    let at = record(&bytes, "x1");
    bytes[at + 25] |= 0x80;
    let name = place(&bytes, b"NM\x07\x01\0x2", 0) + 6;
    bytes[name] = b'1';
    let files = files_on(&bytes);
    assert_eq!(
        files.into_iter().collect::<Vec<_>>(),
        [("x1".to_owned(), [first, second].concat())]
    );
    // Its second part elsewhere, as if others were between.
    let last = record_behind(&bytes, at);
    bytes[last + 2] += 1;
    let error = entries_error(&bytes).to_string();
    assert!(error.contains("\"x1\" is in pieces"), "{error}");
    // No second part.
    bytes[last + 25] |= 0x80;
    bytes[last + 2] -= 1;
    let error = entries_error(&bytes).to_string();
    assert!(error.contains("goes on in a record that is not there"), "{error}");
}

fn record_behind(image: &[u8], at: usize) -> usize {
    at + usize::from(image[at])
}

#[test]
fn interleaved_files_are_refused() {
    let mut bytes = image(&tree([("xx", Bytes::from_static(b"two"))])).to_vec();
    let at = record(&bytes, "xx");
    bytes[at + 26] = 1;
    let error = entries_error(&bytes).to_string();
    assert!(error.contains("interleaved"), "{error}");
}

/// An image, and where it has anything but zeros before the files.
fn meaningful() -> (Vec<u8>, Vec<usize>) {
    let names = ["in/a.txt", "in/b.txt", "in/deeper/c", "straße", "d"].map(str::to_owned);
    let names = names.into_iter().chain([format!("in/{}", "long".repeat(60))]);
    let bytes = image(&tree(names.map(|name| (name, Bytes::from_static(b"contents"))))).to_vec();
    let end = place(&bytes, b"contents", 0);
    let places = (0..end).filter(|at| bytes[*at] != 0).collect();
    (bytes, places)
}

#[test]
fn any_damage_is_an_error_and_not_a_crash() {
    let (whole, places) = meaningful();
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..8_usize);
    let changes = proptest::collection::vec(change, 1..24);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 2000,
        ..ProptestConfig::default()
    });
    let result = runner.run(&changes, |changes| {
        let mut bytes = whole.clone();
        for (place, byte, near) in changes {
            bytes[place.get(&places) + near] = byte;
        }
        let _either = read_all(&bytes);
        Ok(())
    });
    result.unwrap();
}
