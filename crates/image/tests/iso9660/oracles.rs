//! What others read from images made here.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use innkeeper_image::{Drive, Image, Tree};
use tempfile::TempDir;

use crate::{
    programs::{files_below, output, run},
    sample::{assert_same, config_drive, file, files_of, image, unusual},
};

/// Walks all three trees of an image with pycdlib and writes each path and what is in it.
const PYCDLIB: &str = "
import io, sys, pycdlib
iso = pycdlib.PyCdlib()
iso.open(sys.argv[1])
def contents(**path):
    out = io.BytesIO()
    iso.get_file_from_iso_fp(out, **path)
    return out.getvalue()
for kind in ('rr_path', 'joliet_path', 'iso_path'):
    for directory, _, names in iso.walk(**{kind: '/'}):
        for name in names:
            path = directory.rstrip('/') + '/' + name
            print(kind, path, contents(**{kind: path}).hex(), sep='\\t')
iso.close()
";

fn extract(program: &str, arguments: &[&OsStr], into: &TempDir) -> BTreeMap<String, Vec<u8>> {
    run(program, arguments);
    files_below(into.path())
}

fn both() -> [(&'static str, Tree); 2] {
    [("a config drive", config_drive()), ("an unusual tree", unusual())]
}

#[test]
fn libarchive_extracts_what_was_put_in() {
    for (what, tree) in both() {
        let (image, into) = (file(&image(&tree)), TempDir::new().unwrap());
        let arguments =
            ["-xf".as_ref(), image.path().as_ref(), "-C".as_ref(), into.path().as_ref()];
        assert_same(&extract("bsdtar", &arguments, &into), &files_of(&tree), what);
    }
}

#[test]
fn xorriso_extracts_what_was_put_in() {
    for (what, tree) in both() {
        let (image, into) = (file(&image(&tree)), TempDir::new().unwrap());
        let to = into.path().join("to");
        let arguments = ["-osirrox", "on:auto_chmod_on", "-indev"].map(OsStr::new);
        let more = [image.path().as_ref(), "-extract".as_ref(), "/".as_ref(), to.as_os_str()];
        run("xorriso", &[arguments.as_slice(), &more].concat());
        assert_same(&files_below(&to), &files_of(&tree), what);
    }
}

#[test]
fn xorriso_finds_every_sector_readable_and_the_descriptors_right() {
    let image = file(&image(&config_drive()));
    let arguments = [
        "-indev".as_ref(),
        image.path().as_os_str(),
        "-pvd_info".as_ref(),
        "-check_media".as_ref(),
        "--".as_ref(),
    ];
    let told = output("xorriso", &arguments);
    assert!(told.status.success(), "{told:?}");
    let told = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
    for line in [
        "Volume Id    : config-2",
        "System Id    : LINUX",
        "Publisher Id : Innkeeper 0.1.0",
        "App Id       : INNKEEPER",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    assert!(!told.contains("FAILURE") && !told.contains("WARNING"), "{told}");
    assert!(told.contains("+ good") && !told.contains("- unreadable"), "{told}");
}

#[test]
fn isoinfo_reads_every_file_by_each_kind_of_name() {
    let tree = config_drive();
    let image = file(&image(&tree));
    let read = |flags: &[&str], path: &str| {
        let last = ["-x", path, "-i", image.path().to_str().unwrap()];
        run("isoinfo", &[flags, &last].concat())
    };
    for (path, contents) in tree.files().filter(|(_, contents)| !contents.is_empty()) {
        assert_eq!(read(&["-R"], &format!("/{path}")), *contents, "Rock Ridge: {path}");
        assert_eq!(read(&["-J"], &format!("/{path}")), *contents, "Joliet: {path}");
        let dot = if path.rsplit('/').next().unwrap().contains('.') { "" } else { "." };
        let plain = format!("/{}{dot};1", path.replace('-', "_"));
        assert_eq!(read(&[], &plain), *contents, "plain: {plain}");
    }
}

#[test]
fn isoinfo_lists_permissions_and_times() {
    let image = file(&image(&config_drive()));
    let list =
        run("isoinfo", &[OsStr::new("-R"), "-l".as_ref(), "-i".as_ref(), image.path().as_ref()]);
    let list = String::from_utf8(list).unwrap();
    let line = |name: &str| {
        list.lines()
            .find(|line| line.ends_with(name))
            .unwrap_or_else(|| panic!("{name} is not in {list}"))
    };
    let file = line(" network_data.json ");
    assert!(file.starts_with("-r--r--r--   1    0    0"), "{file}");
    assert!(file.contains("Oct 26 2025"), "{file}");
    let directory = line(" openstack ");
    assert!(directory.starts_with("dr-xr-xr-x  14    0    0"), "{directory}");
    let told = run("isoinfo", &[OsStr::new("-d"), "-i".as_ref(), image.path().as_ref()]);
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("Joliet with UCS level 3 found"), "{told}");
    assert!(told.contains("Rock Ridge signatures version 1 found"), "{told}");
}

#[test]
fn isovfy_finds_nothing_wrong() {
    for (what, tree) in both() {
        let image = file(&image(&tree));
        let told = String::from_utf8(run("isovfy", &[image.path()])).unwrap();
        assert!(told.contains("No errors found"), "{what}: {told}");
    }
}

/// As Ironic's agent and others get one file, by the plain name.
#[test]
fn pycdlib_finds_every_file_in_each_tree() {
    let tree = config_drive();
    let image = file(&image(&tree));
    let listed = by_pycdlib(image.path());
    for (path, contents) in tree.files() {
        let directory = path.rsplit_once('/').unwrap().0;
        let name = path.rsplit('/').next().unwrap();
        let dot = if name.contains('.') { "" } else { "." };
        let plain = format!("/{directory}/{name}{dot};1").replace('-', "_");
        for (kind, path) in [
            ("rr_path", format!("/{path}")),
            ("joliet_path", format!("/{path}")),
            ("iso_path", plain),
        ] {
            let found = listed.get(&(kind.to_owned(), path.clone()));
            assert!(
                found.is_some_and(|found| found == contents),
                "{kind} {path} in {:?}",
                listed.keys()
            );
        }
    }
    assert_eq!(listed.len(), 3 * tree.files().len());
    let network = ("iso_path".to_owned(), "/openstack/latest/network_data.json;1".to_owned());
    assert!(listed.contains_key(&network));
}

fn by_pycdlib(image: &Path) -> BTreeMap<(String, String), Vec<u8>> {
    let arguments = ["-c".as_ref(), PYCDLIB.as_ref(), image.as_os_str()];
    // The system's own, because that is the one that the package is for.
    let told = String::from_utf8(run("/usr/bin/python3", &arguments)).unwrap();
    let unhex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    };
    let lines = told.lines().map(|line| line.splitn(3, '\t').collect::<Vec<_>>());
    lines.map(|parts| ((parts[0].to_owned(), parts[1].to_owned()), unhex(parts[2]))).collect()
}

/// Makers differ in which of the two labels has small letters, and hyphens.
#[test]
fn the_label_of_an_image_is_the_one_that_blkid_finds() {
    const PLAIN_LABEL: usize = 16 * 2048 + 40;
    const JOLIET_LABEL: usize = 17 * 2048 + 40;
    let wide = |text: &[u8; 8]| text.map(|byte| [0, byte]).concat();
    for (plain, joliet) in [
        (b"CONFIG_2", b"config-2"),
        (b"config-2", b"CONFIG-2"),
        (b"CONFIG-2", b"config-2"),
        (b"config-2", b"        "),
        (b"config-2", b"config  "),
        (b"config_2", b"con-fig2"),
        (b"        ", b"config-2"),
    ] {
        let mut bytes = image(&config_drive()).to_vec();
        bytes[PLAIN_LABEL..][..8].copy_from_slice(plain);
        bytes[JOLIET_LABEL..][..16].copy_from_slice(&wide(joliet));
        let image = file(&Image::from_bytes(bytes.clone()));
        let asked = ["-p", "-o", "value", "-s", "LABEL"].map(OsStr::new);
        let told = run("blkid", &[asked.as_slice(), &[image.path().as_ref()]].concat());
        let told = String::from_utf8(told).unwrap();
        let drive = Drive::open(&bytes[..]).unwrap();
        assert_eq!(drive.label(), told.trim_end(), "{plain:?} {joliet:?}");
    }
}

#[test]
fn blkid_finds_the_label_that_guests_look_for() {
    let image = file(&image(&config_drive()));
    let probe = ["-p", "-o", "export"].map(OsStr::new);
    let told = run("blkid", &[probe.as_slice(), &[image.path().as_ref()]].concat());
    let told = String::from_utf8(told).unwrap();
    for line in ["LABEL=config-2", "TYPE=iso9660"] {
        assert!(told.lines().any(|found| found == line), "{line} is not in {told}");
    }
}
