//! Trees, and images of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use innkeeper_image::{Drive, EntryKind, Format, Image, Tree, Volume, build};
use tempfile::NamedTempFile;

/// A volume as config drives have it.
pub(crate) fn volume() -> Volume {
    Volume {
        label: "config-2".to_owned(),
        publisher: "Innkeeper 0.1.0".to_owned(),
        time: 1_761_480_001,
        vfat_bytes: innkeeper_image::VFAT_BYTES,
    }
}

/// A tree from its paths and contents.
pub(crate) fn tree<Path: Into<String>>(files: impl IntoIterator<Item = (Path, Bytes)>) -> Tree {
    let mut tree = Tree::new();
    files.into_iter().for_each(|(path, bytes)| tree.insert(path, bytes).unwrap());
    tree
}

/// The files that Nova puts on a drive, with some contents at several paths.
pub(crate) fn config_drive() -> Tree {
    let versions = "2012-08-10 2013-04-04 2013-10-17 2015-10-15 2016-06-30 2016-10-06 2017-02-22 \
                    2018-08-27 2020-10-14 2025-04-04 latest";
    let named = |name: &str, len| Bytes::from(format!("{name}\n").repeat(len));
    let files = [
        ("meta_data.json", named("meta data", 120)),
        ("user_data", named("#cloud-config", 1)),
        ("vendor_data.json", Bytes::from_static(b"{}")),
        ("network_data.json", named("network", 300)),
    ];
    let mut tree = Tree::new();
    for version in versions.split(' ') {
        for (name, contents) in &files {
            tree.insert(format!("openstack/{version}/{name}"), contents.clone()).unwrap();
        }
    }
    for version in ["2009-04-04", "latest"] {
        let contents = files[0].1.clone();
        tree.insert(format!("ec2/{version}/meta-data.json"), contents).unwrap();
    }
    tree.insert("openstack/content/0000", Bytes::new()).unwrap();
    tree
}

/// What asks more of a format than a config drive does.
pub(crate) fn unusual() -> Tree {
    let long = "a-long-name ".repeat(10);
    let many = (0..300).map(|number| format!("many/file-with-number-{number:03}.txt"));
    let others = [
        format!("{long}.json"),
        format!("{long}.yaml"),
        format!("{}/in.it", "n".repeat(253)),
        "ä".repeat(126),
        "deep/1/2/3/4/5/6/7/8/9/10/11/12/file".to_owned(),
        "names/a-b".to_owned(),
        "names/a_b".to_owned(),
        "names/a+b/c".to_owned(),
        "names/.hidden".to_owned(),
        "names/UPPER.txt".to_owned(),
        "names/two.dots.gz".to_owned(),
        "names/straße 😀".to_owned(),
    ];
    let paths = many.chain(others);
    let mut tree = tree(paths.map(|path| (path.clone(), Bytes::from(format!("in {path}")))));
    let large = (0..200_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    tree.insert("large/one.bin", Bytes::from(large.clone())).unwrap();
    tree.insert("large/two.bin", Bytes::from(large).slice(1..)).unwrap();
    tree
}

pub(crate) fn image(tree: &Tree) -> Image {
    build(tree, Format::Iso9660, &volume()).unwrap()
}

/// The image in a file, for other programs.
pub(crate) fn file(image: &Image) -> NamedTempFile {
    let file = NamedTempFile::with_suffix(".iso").unwrap();
    image.write_sparse(file.as_file()).unwrap();
    file
}

/// What a tree has, as the other functions here answer it.
pub(crate) fn files_of(tree: &Tree) -> BTreeMap<String, Vec<u8>> {
    tree.files().map(|(path, bytes)| (path.to_owned(), bytes.to_vec())).collect()
}

/// Compares files without printing all of what is in them.
#[track_caller]
pub(crate) fn assert_same(
    found: &BTreeMap<String, Vec<u8>>,
    expected: &BTreeMap<String, Vec<u8>>,
    what: &str,
) {
    let missing: Vec<_> = expected.keys().filter(|path| !found.contains_key(*path)).collect();
    let strange: Vec<_> = found.keys().filter(|path| !expected.contains_key(*path)).collect();
    assert!(missing.is_empty() && strange.is_empty(), "{what}: no {missing:?}, but {strange:?}");
    let other: Vec<_> = found.iter().filter(|(path, bytes)| expected[*path] != **bytes).collect();
    let other: Vec<_> = other.into_iter().map(|(path, _)| path).collect();
    assert!(other.is_empty(), "{what}: other contents in {other:?}");
}

/// What our reader finds.
pub(crate) fn files_on(image: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let drive = Drive::open(image).unwrap();
    let entries = drive.entries().unwrap();
    for pair in entries.windows(2) {
        assert!(pair[0].path < pair[1].path, "{} before {}", pair[0].path, pair[1].path);
    }
    let files = entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
    files.map(|file| (file.path.clone(), drive.read(&file).unwrap())).collect()
}
