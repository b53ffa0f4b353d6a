//! Images that other programs made, read by us.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
};

use innkeeper_image::{Drive, EntryKind, FileSystem};
use tempfile::TempDir;

use crate::{
    programs::{output, run},
    sample::{assert_same, config_drive, files_of, unusual},
};

/// What Nova runs, before the directory.
const NOVAS_FLAGS: &str =
    "-ldots -allow-lowercase -allow-multidot -l -publisher Nova -quiet -J -r -V config-2";

/// A place for a tree and an image of it.
struct Workshop {
    directory: TempDir,
}

impl Workshop {
    fn new(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let workshop = Self { directory: TempDir::new().unwrap() };
        for (path, contents) in files {
            let path = workshop.tree().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        workshop
    }

    fn tree(&self) -> std::path::PathBuf {
        self.directory.path().join("tree")
    }

    #[track_caller]
    fn make(&self, program: &str, flags: &str) -> Drive<File> {
        let image = self.directory.path().join("image.iso");
        let (tree, flags) = (self.tree(), flags.split_whitespace().map(OsStr::new));
        let output = [OsStr::new("-o"), image.as_os_str()];
        let (program, first) = match program.split_once(' ') {
            Some((program, first)) => (program, first.split(' ').map(OsStr::new).collect()),
            None => (program, Vec::new()),
        };
        let arguments: Vec<_> =
            first.into_iter().chain(output).chain(flags).chain([tree.as_os_str()]).collect();
        run(program, &arguments);
        Drive::open(File::open(image).unwrap()).unwrap()
    }

    #[track_caller]
    fn make_by_bsdtar(&self, options: &str) -> Drive<File> {
        let image = self.directory.path().join("image.iso");
        let (tree, options) = (self.tree(), format!("--options={options}"));
        let arguments = ["--format=iso9660", &options, "-cf"].map(OsStr::new);
        let more = [image.as_os_str(), "-C".as_ref(), tree.as_os_str(), ".".as_ref()];
        run("bsdtar", &[arguments.as_slice(), &more].concat());
        Drive::open(File::open(image).unwrap()).unwrap()
    }
}

fn files_on(drive: &Drive<File>) -> BTreeMap<String, Vec<u8>> {
    let entries = drive.entries().unwrap();
    let files = entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
    files.map(|file| (file.path.clone(), drive.read(&file).unwrap())).collect()
}

#[test]
fn novas_drives_are_read() {
    let files = files_of(&config_drive());
    let drive = Workshop::new(&files).make("genisoimage", NOVAS_FLAGS);
    assert_eq!((drive.file_system(), drive.label()), (FileSystem::RockRidge, "config-2"));
    assert_same(&files_on(&drive), &files, "read by us");
    let found = drive.find("openstack/latest/user_data").unwrap().unwrap();
    assert_eq!(drive.read(&found).unwrap(), files["openstack/latest/user_data"]);
}

#[test]
fn joliet_alone_is_read() {
    let files = files_of(&config_drive());
    let drive = Workshop::new(&files).make("genisoimage", "-quiet -J -V config-2");
    assert_eq!((drive.file_system(), drive.label()), (FileSystem::Joliet, "config-2"));
    assert_same(&files_on(&drive), &files, "read by us");
}

#[test]
fn plain_trees_are_read_in_small_letters() {
    let files = files_of(&config_drive());
    let drive = Workshop::new(&files).make("genisoimage", "-quiet -l -V config-2");
    assert_eq!((drive.file_system(), drive.label()), (FileSystem::PlainIso9660, "config-2"));
    // Its names have one dot and no hyphens.
    let plain = files.into_iter().map(|(path, contents)| (path.replace('-', "_"), contents));
    assert_same(&files_on(&drive), &plain.collect(), "plain");
}

#[test]
fn unusual_names_and_depths_are_read_from_every_maker() {
    let mut files = files_of(&unusual());
    // Genisoimage takes no names of more than 248 bytes.
    files.retain(|path, _| path.split('/').all(|name| name.len() <= 240));
    for (maker, flags) in [
        ("genisoimage", "-quiet -R -l"),
        ("genisoimage", "-quiet -R -D"),
        ("xorriso -as mkisofs", "-quiet -R -J"),
        ("xorriso -as mkisofs", "-quiet -R -D -iso-level 3"),
    ] {
        let drive = Workshop::new(&files).make(maker, flags);
        assert_same(&files_on(&drive), &files, &format!("{maker} {flags}"));
    }
}

#[test]
fn directories_that_were_moved_are_found_where_they_were() {
    let files = BTreeMap::from([("1/2/3/4/5/6/7/8/9/10/file".to_owned(), b"deep".to_vec())]);
    let drive = Workshop::new(&files).make("genisoimage", "-quiet -R");
    assert_same(&files_on(&drive), &files, "read by us");
    let found = drive.find("1/2/3/4/5/6/7/8/9/10/file").unwrap().unwrap();
    assert_eq!(drive.read(&found).unwrap(), b"deep");
}

#[test]
fn libarchives_images_are_read() {
    let files = files_of(&config_drive());
    let drive = Workshop::new(&files).make_by_bsdtar("volume-id=config-2");
    assert_eq!(drive.label(), "config-2");
    assert_same(&files_on(&drive), &files, "read by us");
}

#[test]
fn links_and_devices_are_said_to_be_such() {
    let workshop = Workshop::new(&BTreeMap::from([("file".to_owned(), b"x".to_vec())]));
    let tree = workshop.tree();
    symlink("/etc/shadow", tree.join("link")).unwrap();
    symlink("../..", tree.join("up")).unwrap();
    run("mkfifo", &[tree.join("pipe")]);
    let mut expected = BTreeMap::from([
        ("file".to_owned(), EntryKind::File),
        ("link".to_owned(), EntryKind::Symlink),
        ("up".to_owned(), EntryKind::Symlink),
        ("pipe".to_owned(), EntryKind::Special),
    ]);
    if make_device(&tree.join("disk")) {
        expected.insert("disk".to_owned(), EntryKind::Special);
    }
    for maker in ["genisoimage", "xorriso -as mkisofs"] {
        let drive = workshop.make(maker, "-quiet -r -J");
        let entries = drive.entries().unwrap();
        let found = entries.iter().map(|entry| (entry.path.clone(), entry.kind));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "{maker}");
        let link = entries.iter().find(|entry| entry.path == "link").unwrap();
        assert!(drive.read(link).unwrap_err().to_string().contains("symbolic link"));
    }
}

/// Only root may: others go without, and have the pipe.
fn make_device(path: &Path) -> bool {
    let made = output("mknod", &[path.as_os_str(), "b".as_ref(), "7".as_ref(), "200".as_ref()]);
    made.status.success()
}

#[test]
fn compressed_files_are_refused_and_not_read_as_they_are() {
    let workshop = Workshop::new(&BTreeMap::from([("file".to_owned(), vec![b'x'; 100_000])]));
    let drive = workshop.make_by_bsdtar("zisofs=direct");
    let error = drive.entries().unwrap_err().to_string();
    assert!(error.contains("\"file\" is compressed or sparse"), "{error}");
}
