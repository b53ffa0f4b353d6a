//! Drives that are kept.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
    sync::Barrier,
    thread,
};

use innkeeper_config_drive::{Built, ConfigDriveError, Format, Recipe, Shelf};
use innkeeper_model::InstanceId;
use tempfile::TempDir;

use crate::machines::{self, drive, made};

fn full() -> (InstanceId, Built) {
    let machine = machines::named("full");
    (machine.record.instance.id, drive(&machine, Format::Iso9660, "s"))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_kept_is_found_again() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path().join("not/there/yet"));
    let (id, built) = full();
    assert_eq!((shelf.kept(id).unwrap(), shelf.list().unwrap()), (None, Vec::new()));
    let kept = shelf.keep(id, &built, 7, 1_795_392_001).unwrap();
    assert_eq!(kept.path, shelf.instances_path().join(id.to_string()).join("disk.config"));
    assert_eq!(kept.path, shelf.path_of(id));
    assert_eq!((kept.format, kept.size), (Format::Iso9660, built.image.len()));
    assert_eq!((kept.revision, kept.built_at), (7, 1_795_392_001));
    assert_eq!(kept.sha256_hex(), built.sha256_hex());
    assert_eq!(shelf.kept(id).unwrap().as_ref(), Some(&kept));
    assert_eq!(shelf.read(id).unwrap(), Some((kept.clone(), built.image.to_vec())));
    assert_eq!(shelf.list().unwrap(), std::slice::from_ref(&kept));
    assert_eq!(Shelf::new(shelf.instances_path()).kept(id).unwrap(), Some(kept));
}

#[test]
fn a_drive_with_passwords_is_not_everybodys_to_read() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path().join("instances"));
    let (id, built) = full();
    let kept = shelf.keep(id, &built, 1, 0).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let directory = kept.path.parent().unwrap();
    assert_eq!(names(directory), ["disk.config", "disk.config.json"]);
    assert_eq!((mode(&kept.path), mode(directory)), (0o640, 0o711));
    assert_eq!(mode(&directory.join("disk.config.json")), 0o640);
    // Whoever may open a directory may lock it, and keep everybody else waiting.
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    shelf.kept(id).unwrap();
    assert_eq!(mode(directory), 0o711, "one that somebody else has made");
    let record = fs::read_to_string(directory.join("disk.config.json")).unwrap();
    assert!(!record.contains("S3cr3t") && !format!("{kept:?} {built:?}").contains("S3cr3t"));
}

#[test]
fn a_new_drive_takes_the_place_of_the_old_one_at_once() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let (id, old) = full();
    let kept = shelf.keep(id, &old, 1, 0).unwrap();
    let open = fs::File::open(&kept.path).unwrap();
    let recipe = Recipe { format: Format::Vfat, vfat_bytes: 8 << 20, ..Recipe::default() };
    let new = made(&machines::named("full"), &recipe, "t");
    let kept = shelf.keep(id, &new, 2, 1).unwrap();
    assert_eq!(shelf.kept(id).unwrap().as_ref(), Some(&kept));
    assert_eq!((kept.format, kept.size), (Format::Vfat, 8 << 20));
    assert_eq!(open.metadata().unwrap().len(), old.image.len(), "who has it open keeps the old");
    let blocks = fs::metadata(&kept.path).unwrap().blocks();
    assert!(blocks * 512 < 1 << 20, "{blocks} blocks for an image that is nearly empty");
}

#[test]
fn what_was_not_kept_like_this_is_not_trusted() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let (id, built) = full();
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 7] = [
        ("no record", |at| fs::remove_file(at.join("disk.config.json")).unwrap()),
        ("no image", |at| fs::remove_file(at.join("disk.config")).unwrap()),
        ("a broken record", |at| fs::write(at.join("disk.config.json"), b"{\"size\"").unwrap()),
        ("an unknown format", |at| change(at, "iso9660", "qcow2")),
        ("a hash that is none", |at| change(at, "sha256\": \"", "sha256\": \"x")),
        ("another size", |at| {
            let file = fs::File::options().append(true).open(at.join("disk.config")).unwrap();
            file.set_len(file.metadata().unwrap().len() + 1).unwrap();
        }),
        ("a link", |at| {
            fs::rename(at.join("disk.config"), at.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", at.join("disk.config")).unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        let kept = shelf.keep(id, &built, 1, 0).unwrap();
        spoil(kept.path.parent().unwrap());
        assert_eq!(shelf.kept(id).unwrap(), None, "{what}");
        assert_eq!(shelf.read(id).unwrap(), None, "{what}");
        assert_eq!(shelf.list().unwrap(), Vec::new(), "{what}");
    }
    let kept = shelf.keep(id, &built, 1, 0).unwrap();
    let mut bytes = fs::read(&kept.path).unwrap();
    bytes[40_000] ^= 1;
    fs::write(&kept.path, bytes).unwrap();
    assert!(shelf.kept(id).unwrap().is_some(), "its size is right");
    assert_eq!(shelf.read(id).unwrap(), None, "its contents are not");
}

fn change(at: &Path, from: &str, to: &str) {
    let path = at.join("disk.config.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).unwrap();
}

/// A record that was copied from another machine's directory, with its image.
#[test]
fn another_machines_drive_is_not_this_ones() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let (id, built) = full();
    let other = machines::named("minimal").record.instance.id;
    let kept = shelf.keep(id, &built, 1, 0).unwrap();
    let to = home.path().join(other.to_string());
    fs::create_dir(&to).unwrap();
    for name in ["disk.config", "disk.config.json"] {
        fs::copy(kept.path.with_file_name(name), to.join(name)).unwrap();
    }
    assert_eq!(shelf.kept(other).unwrap(), None);
    assert_eq!(shelf.list().unwrap(), [kept]);
}

#[test]
fn only_our_files_are_removed() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let (id, built) = full();
    assert!(!shelf.remove(id).unwrap());
    let directory = shelf.keep(id, &built, 1, 0).unwrap().path.parent().unwrap().to_owned();
    fs::write(directory.join("disk.config.new"), b"from a crash").unwrap();
    assert!(shelf.remove(id).unwrap());
    assert!(!directory.exists() && home.path().exists());
    shelf.keep(id, &built, 1, 0).unwrap();
    fs::write(directory.join("disk"), b"the machine's own").unwrap();
    assert!(shelf.remove(id).unwrap());
    assert_eq!(names(&directory), ["disk"]);
    assert!(!shelf.remove(id).unwrap());
}

#[test]
fn other_names_among_the_instances_are_passed_over() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let (id, built) = full();
    let kept = shelf.keep(id, &built, 1, 0).unwrap();
    fs::create_dir(home.path().join("_base")).unwrap();
    fs::write(home.path().join("compute_nodes"), b"{}").unwrap();
    fs::create_dir(home.path().join(InstanceId::random().to_string())).unwrap();
    let file = InstanceId::random();
    fs::write(home.path().join(file.to_string()), b"").unwrap();
    let odd = home.path().join(InstanceId::random().to_string());
    fs::create_dir_all(odd.join("disk.config.json")).unwrap();
    assert_eq!(shelf.list().unwrap(), [kept]);
    assert_eq!(shelf.kept(file).unwrap(), None);
    assert!(!shelf.remove(file).unwrap() && home.path().join(file.to_string()).exists());
    assert!(shelf.keep(file, &built, 1, 0).is_err());
}

#[test]
fn a_crash_in_the_middle_is_cleaned_up_by_the_next() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let (id, built) = full();
    let directory = home.path().join(id.to_string());
    fs::create_dir(&directory).unwrap();
    for name in ["disk.config.new", "disk.config.json.new"] {
        fs::write(directory.join(name), b"half").unwrap();
    }
    assert_eq!(shelf.kept(id).unwrap(), None);
    shelf.keep(id, &built, 1, 0).unwrap();
    assert_eq!(names(&directory), ["disk.config", "disk.config.json"]);
}

/// Readers see one drive or the other, writers do not get into each other's way, and removal in
/// between harms nobody.
#[test]
fn many_at_once_leave_a_whole_drive() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let machine = machines::named("full");
    let id = machine.record.instance.id;
    let drives = ["a", "b", "c"].map(|seed| drive(&machine, Format::Iso9660, seed));
    let start = Barrier::new(5);
    thread::scope(|scope| {
        for built in &drives {
            scope.spawn(|| {
                start.wait();
                for revision in 0..20 {
                    shelf.keep(id, built, revision, 0).unwrap();
                }
            });
        }
        scope.spawn(|| {
            start.wait();
            for _ in 0..20 {
                shelf.remove(id).unwrap();
            }
        });
        start.wait();
        for _ in 0..40 {
            let Some(kept) = shelf.kept(id).unwrap() else { continue };
            assert!(drives.iter().any(|built| built.sha256() == kept.sha256));
            // Not "kept, but with other bytes than the record says": nobody may see that.
            let Some((kept, bytes)) = shelf.read(id).unwrap() else { continue };
            let whole = drives.iter().find(|built| built.sha256() == kept.sha256);
            assert!(whole.is_some_and(|built| built.image.to_vec() == bytes));
        }
    });
    shelf.keep(id, &drives[0], 99, 0).unwrap();
    let (kept, bytes) = shelf.read(id).unwrap().expect("kept last");
    assert!(kept.revision == 99 && bytes == drives[0].image.to_vec());
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_a_remedy() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("a-file");
    fs::write(&file, b"").unwrap();
    let (id, built) = full();
    let refused = Shelf::new(&file).keep(id, &built, 1, 0).expect_err("it is a file").to_string();
    assert!(refused.contains("make the directory") && refused.contains("a-file"), "{refused}");
}

/// What the child below is told of its place.
const TOLD: &str = "INNKEEPER_TEST_FULL_DISK";

/// Runs itself under a limit of the size of files, which a full disk looks like: the image is
/// written in part, and then there is no more.
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let home = TempDir::new().unwrap();
    let shelf = Shelf::new(home.path());
    let (id, built) = full();
    if let Some(place) = std::env::var_os(TOLD) {
        let refused = Shelf::new(place).keep(id, &built, 2, 0).expect_err("there is no room");
        assert!(matches!(refused, ConfigDriveError::Full { .. }), "{refused:?}");
        println!("{refused}");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let run_full = || {
        let output = Command::new("/bin/sh")
            // SIGXFSZ would end it before it can say anything. The unit is 512 or 1024 bytes.
            .args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""])
            .arg(&this)
            .args(["--exact", "shelf::a_full_disk_leaves_nothing_half_written", "--nocapture"])
            .env(TOLD, home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run_full();
    assert!(said.contains("could not write") && said.contains("free some space"), "{said}");
    assert_eq!(names(home.path()), [""; 0], "not even a directory");
    let kept = shelf.keep(id, &built, 1, 0).unwrap();
    run_full();
    assert_eq!(shelf.read(id).unwrap(), Some((kept, built.image.to_vec())), "the old one stays");
    assert_eq!(names(&home.path().join(id.to_string())), ["disk.config", "disk.config.json"]);
}
