//! What is written is read again, in each of the trees.

use std::collections::BTreeSet;

use bytes::Bytes;
use innkeeper_image::{BuildError, Drive, EntryKind, FileSystem, Tree};
use proptest::prelude::*;

use crate::sample::{assert_same, config_drive, files_of, files_on, image, tree, unusual, volume};

/// Where the plain tree's descriptor is, and Joliet's.
const PLAIN_DESCRIPTOR: usize = 16 * 2048;
const JOLIET_DESCRIPTOR: usize = 17 * 2048;

/// Makes the image one without Rock Ridge.
fn hide_rock_ridge(image: &mut [u8]) {
    let place = &image[PLAIN_DESCRIPTOR + 158..][..4];
    let root = u32::from_le_bytes(place.try_into().unwrap()) as usize * 2048;
    let start = &mut image[root + 34..][..2];
    assert_eq!(start, b"SP");
    start.copy_from_slice(b"??");
}

fn hide_joliet(image: &mut [u8]) {
    assert_eq!(&image[JOLIET_DESCRIPTOR..][..6], b"\x02CD001");
    image[JOLIET_DESCRIPTOR] = 3;
}

#[test]
fn a_config_drive_is_read_by_each_of_its_trees() {
    let tree = config_drive();
    let mut bytes = image(&tree).to_vec();
    let file_system = |bytes: &[u8]| Drive::open(bytes).unwrap().file_system();
    assert_eq!(file_system(&bytes), FileSystem::RockRidge);
    assert_same(&files_on(&bytes), &files_of(&tree), "our own");
    hide_rock_ridge(&mut bytes);
    assert_eq!(file_system(&bytes), FileSystem::Joliet);
    assert_same(&files_on(&bytes), &files_of(&tree), "our own");
    hide_joliet(&mut bytes);
    assert_eq!(file_system(&bytes), FileSystem::PlainIso9660);
    let plain = files_on(&bytes);
    assert_eq!(plain.len(), tree.files().len());
    let underscored =
        files_of(&tree).into_iter().map(|(path, bytes)| (path.replace('-', "_"), bytes));
    assert_same(&plain, &underscored.collect(), "plain");
}

#[test]
fn one_path_is_found_without_reading_all_others() {
    let tree = config_drive();
    let bytes = image(&tree).to_vec();
    let drive = Drive::open(&bytes[..]).unwrap();
    assert_eq!(drive.label(), "config-2");
    let found = drive.find("openstack/latest/meta_data.json").unwrap().unwrap();
    assert_eq!(drive.read(&found).unwrap(), *tree.get("openstack/latest/meta_data.json").unwrap());
    let directory = drive.find("openstack/latest").unwrap().unwrap();
    assert_eq!(directory.kind, EntryKind::Directory);
    assert!(drive.read(&directory).unwrap_err().to_string().contains("is a directory"));
    for missing in ["", "openstack/none", "openstack/latest/user_data/x", "OPENSTACK", "/ec2"] {
        assert_eq!(drive.find(missing).unwrap(), None, "{missing:?}");
    }
}

#[test]
fn shared_and_empty_contents_take_no_room() {
    let contents = Bytes::from(vec![7; 50_000]);
    let one = image(&tree([("0", contents.clone())]));
    let many = image(&tree((0..10).map(|number| (number.to_string(), contents.clone()))));
    assert_eq!(one.len(), many.len());
    let empty = image(&tree([("0", contents), ("1", Bytes::new())]));
    assert_eq!(one.len(), empty.len());
}

#[test]
fn the_same_tree_makes_the_same_bytes() {
    for tree in [config_drive as fn() -> Tree, unusual] {
        assert_eq!(image(&tree()).sha256(), image(&tree()).sha256());
    }
}

#[test]
fn an_empty_tree_is_an_empty_drive() {
    let bytes = image(&Tree::new()).to_vec();
    assert!(Drive::open(&bytes[..]).unwrap().entries().unwrap().is_empty());
}

#[test]
fn unusual_names_are_read_again() {
    let tree = unusual();
    let mut bytes = image(&tree).to_vec();
    assert_same(&files_on(&bytes), &files_of(&tree), "our own");
    hide_rock_ridge(&mut bytes);
    assert_eq!(files_on(&bytes).len(), tree.files().len());
    hide_joliet(&mut bytes);
    assert_eq!(files_on(&bytes).len(), tree.files().len());
}

#[test]
fn a_tree_too_deep_is_refused_by_name() {
    let path = vec!["d"; 65].join("/");
    let tree = tree([(path.clone(), Bytes::new())]);
    let error = innkeeper_image::build(&tree, innkeeper_image::Format::Iso9660, &volume());
    assert!(matches!(error, Err(BuildError::Path { path: refused, .. }) if refused == path));
}

#[test]
fn labels_that_no_guest_would_find_are_refused() {
    for label in ["", "config-2-and-more", "cönfig"] {
        let volume = innkeeper_image::Volume { label: label.to_owned(), ..volume() };
        let result =
            innkeeper_image::build(&Tree::new(), innkeeper_image::Format::Iso9660, &volume);
        assert!(matches!(result, Err(BuildError::Label(_))), "{label:?}");
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c._-]{1,3}",
        2 => "[a-z]{1,12}(\\.[a-z]{1,5})?",
        1 => "(x-){60,66}[ab]",
        1 => "[a]{110,253}",
        1 => "[^/\\p{Cc}]{1,40}",
    ]
    .prop_filter("is a name", |name| name != "." && name != "..")
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let path = proptest::collection::vec(name(), 1..6).prop_map(|names| names.join("/"));
    let contents = proptest::collection::vec(any::<u8>(), 0..5000).prop_map(Bytes::from);
    let files = proptest::collection::vec((path, contents, any::<bool>()), 0..40);
    files.prop_map(|files| {
        let mut tree = Tree::new();
        let mut before = Bytes::new();
        for (path, contents, is_shared) in files {
            let contents = if is_shared { before.clone() } else { contents };
            before = contents.clone();
            // A path may be taken or climb: then there is one file less.
            let _refused = tree.insert(path, contents);
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_read_again(tree in any_tree()) {
        let mut bytes = image(&tree).to_vec();
        assert_same(&files_on(&bytes), &files_of(&tree), "our own");
        // Names may be others in Joliet, but there are as many, with the same contents.
        hide_rock_ridge(&mut bytes);
        let drive = Drive::open(&bytes[..]).unwrap();
        let entries = drive.entries().unwrap();
        let paths: BTreeSet<_> = entries.iter().map(|entry| &entry.path).collect();
        prop_assert_eq!(paths.len(), entries.len());
        let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
        let mut found: Vec<_> = files.map(|file| drive.read(file).unwrap()).collect();
        let mut expected: Vec<_> = tree.files().map(|(_, bytes)| bytes.to_vec()).collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}
