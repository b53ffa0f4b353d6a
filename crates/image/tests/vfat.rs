//! VFAT as other programs see it, and theirs as we do.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod tools;

use std::{fs, os::unix::fs::FileExt as _, path::Path};

use bytes::Bytes;
use innkeeper_image::{
    BuildError, Container, Drive, FileSystem, Format, ReadError, Tree, VFAT_BYTES, Volume, build,
};
use tempfile::TempDir;
use tools::{Files, files, image_at, read_back, run, tree};

const MIB: u64 = 1024 * 1024;

/// Sizes with FAT12, FAT16 and FAT32, the default, and two that end beside a track.
const SIZES: [(u64, FileSystem); 7] = [
    (64 * 1024, FileSystem::Fat12),
    (MIB, FileSystem::Fat12),
    (8 * MIB, FileSystem::Fat12),
    (12 * MIB + 512, FileSystem::Fat16),
    (VFAT_BYTES, FileSystem::Fat16),
    (300 * MIB + 7 * 512, FileSystem::Fat16),
    (600 * MIB, FileSystem::Fat32),
];

fn volume(vfat_bytes: u64) -> Volume {
    Volume { vfat_bytes, ..tools::volume() }
}

fn files_below(root: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Writes files below `root` and gives the names at the top.
fn files_in(root: &Path, files: &Files) -> Vec<String> {
    for (path, contents) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    let top = fs::read_dir(root).unwrap();
    top.map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()).collect()
}

#[test]
fn other_programs_read_what_we_write() {
    let directory = TempDir::new().unwrap();
    let files = files();
    for (bytes, _) in SIZES {
        let path = directory.path().join(format!("{bytes}.img"));
        image_at(&path, &files, Format::Vfat, &volume(bytes));
        let image = path.to_str().unwrap();

        // Behind this line it tells what is wrong, and then the numbers.
        let said = run("fsck.vfat", &["-vn", image]);
        let (_, verdict) = said.split_once("Checking for unused clusters.\n").unwrap();
        let verdict = verdict.trim_start_matches("Checking free cluster summary.\n");
        assert!(verdict.starts_with(&format!("{image}: ")), "{bytes}: {said}");
        assert_eq!(verdict.lines().count(), 1, "{bytes}: {said}");

        let blkid = run("blkid", &["-p", "-o", "export", image]);
        for line in ["LABEL=config-2\n", "LABEL_FATBOOT=config-2\n", "TYPE=vfat\n"] {
            assert!(blkid.contains(line), "{bytes}: {blkid}");
        }
        let listing = run("mdir", &["-/", "-b", "-i", image, "::"]);
        let listed = listing.lines().filter(|line| !line.ends_with('/'));
        let listed: Vec<_> = listed.map(|line| line.trim_start_matches("::/")).collect();
        assert_eq!(listed.len(), files.len(), "{bytes}: {listing}");
        assert!(listed.iter().all(|path| files.contains_key(*path)), "{bytes}: {listing}");

        let out = directory.path().join(format!("{bytes}.mcopy"));
        fs::create_dir(&out).unwrap();
        run("mcopy", &["-s", "-n", "-i", image, "::/*", out.to_str().unwrap()]);
        assert_eq!(files_below(&out), files, "{bytes}");

        let out = directory.path().join(format!("{bytes}.7z"));
        run("7z", &["x", "-y", &format!("-o{}", out.to_str().unwrap()), image]);
        assert_eq!(files_below(&out), files, "{bytes}");
    }
}

#[test]
fn we_read_what_we_write() {
    let directory = TempDir::new().unwrap();
    for (bytes, file_system) in SIZES {
        let path = directory.path().join(format!("{bytes}.img"));
        image_at(&path, &files(), Format::Vfat, &volume(bytes));
        let drive = Drive::open(fs::File::open(&path).unwrap()).unwrap();
        assert_eq!((drive.container(), drive.file_system()), (Container::Raw, file_system));
        assert_eq!(drive.label(), "config-2");
        assert_eq!(read_back(&drive), files(), "{bytes}");
        let alike = drive.find("OpenStack/LATEST/user_data").unwrap().unwrap();
        assert_eq!(alike.path, "openstack/latest/user_data");
        assert_eq!(drive.find("openstack/latest/user_data/x").unwrap(), None);
        assert_eq!(drive.find("openstack/nothing").unwrap(), None);
    }
}

#[test]
fn the_same_tree_makes_the_same_bytes_and_only_those_that_are_needed() {
    let image = build(&tree(&files()), Format::Vfat, &volume(VFAT_BYTES)).unwrap();
    assert_eq!(image, build(&tree(&files()), Format::Vfat, &volume(VFAT_BYTES)).unwrap());
    assert_eq!(image.len(), VFAT_BYTES);
    let held: usize = image.parts().iter().map(|(_, bytes)| bytes.len()).sum();
    let contents: usize = files().values().map(Vec::len).sum();
    assert!(held < contents + 8192, "{held} bytes are held for {contents}");
}

#[test]
fn we_read_what_others_write() {
    let directory = TempDir::new().unwrap();
    let source = directory.path().join("source");
    let mut files = files();
    files.insert("deep/er/and/deeper/still/f".to_owned(), vec![1; 100_000]);
    files.extend((0..300).map(|n| (format!("many/file number {n}"), n.to_string().into_bytes())));
    let top = files_in(&source, &files);
    let made = [
        ("12", 1440 * 1024, FileSystem::Fat12, &[][..]),
        ("12", 4 * MIB, FileSystem::Fat12, &["-s", "8"]),
        ("16", 64 * MIB, FileSystem::Fat16, &[]),
        ("16", 64 * MIB, FileSystem::Fat16, &["-S", "2048", "-f", "1"]),
        ("32", 40 * MIB, FileSystem::Fat32, &["-s", "1"]),
        ("32", 300 * MIB, FileSystem::Fat32, &[]),
        ("16", 64 * MIB, FileSystem::Fat16, &["--offset", "2048"]),
        ("32", 300 * MIB, FileSystem::Fat32, &["--offset", "2048"]),
    ];
    for (number, (width, bytes, file_system, options)) in made.into_iter().enumerate() {
        let path = directory.path().join(format!("{number}.img"));
        let image = path.to_str().unwrap();
        let is_partition = options.first() == Some(&"--offset");
        let file = fs::File::create(&path).unwrap();
        file.set_len(bytes + if is_partition { MIB } else { 0 }).unwrap();
        let kib = (bytes / 1024).to_string();
        let mut arguments = vec!["-F", width, "-n", "CONFIG-2"];
        arguments.extend(options);
        arguments.push(image);
        arguments.extend(is_partition.then_some(kib.as_str()));
        run("mkfs.vfat", &arguments);
        let at = if is_partition { format!("{image}@@1M") } else { image.to_owned() };
        if is_partition {
            partition_table(&path, if width == "32" { 0x0C } else { 0x0E });
        }
        let mut arguments = vec!["-s", "-i", &at];
        arguments.extend(top.iter().map(String::as_str));
        arguments.push("::/");
        run("mcopy", &arguments);

        let drive = Drive::open(fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(drive.file_system(), file_system, "{number}");
        assert_eq!(drive.label(), "CONFIG-2", "{number}");
        assert_eq!(read_back(&drive), files, "{number}");
    }
}

/// A table with one partition of this type, from 1 MiB on.
fn partition_table(path: &Path, kind: u8) {
    let file = fs::File::options().write(true).open(path).unwrap();
    let mut entry = [0; 16];
    entry[4] = kind;
    entry[8..12].copy_from_slice(&2048_u32.to_le_bytes());
    entry[12..].copy_from_slice(&(64_u32 * 2048).to_le_bytes());
    file.write_all_at(&entry, 446).unwrap();
    file.write_all_at(&[0x55, 0xAA], 510).unwrap();
}

#[test]
fn what_fat_lacks_is_refused() {
    let refused = |paths: &[&str]| {
        let mut tree = Tree::new();
        paths.iter().for_each(|path| tree.insert(*path, Bytes::from_static(b"x")).unwrap());
        match build(&tree, Format::Vfat, &volume(MIB)) {
            Err(BuildError::Path { path, .. }) => Some(path),
            Err(other) => panic!("{paths:?}: {other}"),
            Ok(_) => None,
        }
    };
    for bad in ["a:b", "x/a?", "x/\"y", "a*/b", "a.", "x/a ", "a|b", "a\\b"] {
        let path = refused(&[bad]).unwrap_or_else(|| panic!("{bad:?} was taken"));
        assert!(bad.escape_debug().to_string().starts_with(&path), "{bad:?}: {path}");
    }
    let deep = |depth| vec!["d"; depth].join("/");
    assert_eq!(refused(&[&deep(64)]), None);
    assert!(refused(&[&deep(65)]).is_some());
    assert!(refused(&[&vec!["d".repeat(200); 21].join("/")]).is_some());
    for both in [["a", "A"], ["x/É", "x/é"], ["dir/a", "DIR/b"], ["name/x", "Name"]] {
        assert!(refused(&both).is_some(), "{both:?}");
    }
    assert_eq!(refused(&["a", "b/A", "B.c", ".x", "con"]), None);
    // What is written is read.
    let mut deepest = Files::new();
    deepest.insert(deep(64), b"x".to_vec());
    let image = build(&tree(&deepest), Format::Vfat, &volume(MIB)).unwrap().to_vec();
    assert_eq!(read_back(&Drive::open(&image[..]).unwrap()), deepest);
    let many: Vec<String> = (0..600).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(refused(&many).is_some(), "the root of FAT12 has 512 entries");
    let below: Vec<String> = many.iter().map(|name| format!("d/{name}")).collect();
    let below: Vec<&str> = below.iter().map(String::as_str).collect();
    assert_eq!(refused(&below), None);
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers() {
    let mut large = Files::new();
    large.insert("large".to_owned(), vec![1; 2 * 1024 * 1024]);
    let error = build(&tree(&large), Format::Vfat, &volume(MIB)).unwrap_err();
    let BuildError::TooLarge { needed, room, .. } = error else { panic!("{error}") };
    assert_eq!(needed, 2 * MIB);
    assert!(room < MIB);
    // To the last cluster.
    let exactly = usize::try_from(room).unwrap();
    large.insert("large".to_owned(), vec![1; exactly]);
    let image = build(&tree(&large), Format::Vfat, &volume(MIB)).unwrap().to_vec();
    assert_eq!(read_back(&Drive::open(&image[..]).unwrap()), large);
    large.insert("large".to_owned(), vec![1; exactly + 1]);
    assert!(build(&tree(&large), Format::Vfat, &volume(MIB)).is_err());
    let size = build(&Tree::new(), Format::Vfat, &volume(MIB + 100)).unwrap_err();
    assert!(matches!(size, BuildError::Size { .. }), "{size}");
}

#[test]
fn a_truncated_image_is_said_to_be_one() {
    let image = build(&tree(&files()), Format::Vfat, &volume(MIB)).unwrap().to_vec();
    let entry = Drive::open(&image[..]).unwrap().find("openstack/latest/user_data").unwrap();
    let drive = Drive::open(&image[..24_000]).unwrap();
    assert!(matches!(drive.entries(), Err(ReadError::Truncated { .. })));
    assert!(matches!(drive.read(&entry.unwrap()), Err(ReadError::Truncated { .. })));
    assert!(matches!(Drive::open(&image[..5000]), Err(ReadError::Truncated { .. })));
    assert!(matches!(Drive::open(&image[..500]), Err(ReadError::Unknown)));
}
