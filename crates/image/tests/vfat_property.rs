//! VFAT with any tree, and with any damage.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod tools;

use std::sync::OnceLock;

use innkeeper_image::{Drive, EntryKind, Format, Volume, build};
use proptest::{collection::vec, prelude::*};
use tools::{Files, files, read_back, tree};

/// A volume whose tables are a large part of it, so that damage meets them.
fn small() -> Volume {
    Volume { vfat_bytes: 128 * 1024, ..tools::volume() }
}

fn drive_image() -> &'static [u8] {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGE.get_or_init(|| build(&tree(&files()), Format::Vfat, &small()).unwrap().to_vec())
}

/// Files with names that FAT takes: one of two that differ in their letters' size is left out, as
/// is a file where there is a directory.
fn any_files() -> impl Strategy<Value = Files> {
    let name = "[a-z0-9é日🦀_~!][A-Z0-9 ._~+=,;-]{0,30}[a-z0-9é日_~-]{1,12}";
    let path = vec(name, 1..5).prop_map(|names| names.join("/"));
    vec((path, vec(any::<u8>(), 0..5000)), 0..30).prop_map(|files| {
        let mut kept = Files::new();
        for (path, contents) in files {
            let folded = path.to_lowercase();
            let parts =
                |path: &str| path.to_lowercase().split('/').map(str::to_owned).collect::<Vec<_>>();
            let meets = |other: &String| {
                let (one, other) = (parts(other), parts(&folded));
                let common = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
                common > 0
            };
            if !kept.keys().any(meets) {
                kept.insert(path, contents);
            }
        }
        kept
    })
}

proptest! {
    // Each case is some megabytes of files.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read(files in any_files(), size in prop::sample::select(vec![1, 12, 64, 600])) {
        let volume = Volume { vfat_bytes: size * 1024 * 1024, ..tools::volume() };
        let image = build(&tree(&files), Format::Vfat, &volume).unwrap();
        let file = tempfile::tempfile().unwrap();
        image.write_sparse(&file).unwrap();
        let drive = Drive::open(file).unwrap();
        prop_assert_eq!(read_back(&drive), files);
    }

}

proptest! {
    #[test]
    fn damage_is_an_error_or_other_contents_and_nothing_worse(
        changes in vec((0..40_000_usize, any::<u8>()), 1..20),
        end in prop::option::of(0..131_072_usize),
    ) {
        let mut image = drive_image().to_vec();
        changes.into_iter().for_each(|(at, byte)| image[at] = byte);
        image.truncate(end.unwrap_or(image.len()));
        read_everything(&image);
    }

    #[test]
    fn damage_of_directories_and_tables_likewise(
        changes in vec((0..70_usize, 0..32_usize, any::<u8>()), 1..10),
        links in vec((0..250_usize, any::<u8>()), 0..10),
    ) {
        let mut image = drive_image().to_vec();
        // The root, then the first directories.
        changes.into_iter().for_each(|(slot, at, byte)| {
            let place = if slot < 20 { 2 * 512 + 512 + slot * 32 } else { 17_920 + (slot - 20) * 32 };
            image[place + at] = byte;
        });
        links.into_iter().for_each(|(at, byte)| image[512 + at] = byte);
        read_everything(&image);
    }

    #[test]
    fn bytes_of_no_origin_are_an_error(bytes in vec(any::<u8>(), 0..4096)) {
        read_everything(&bytes);
    }
}

/// Whatever comes of it.
fn read_everything(image: &[u8]) {
    let Ok(drive) = Drive::open(image) else { return };
    let Ok(entries) = drive.entries() else { return };
    for entry in entries {
        let _ = drive.find(&entry.path);
        if entry.kind == EntryKind::File {
            let _ = drive.read(&entry);
        }
    }
}
