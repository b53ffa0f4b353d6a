//! Images that an external program makes.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use innkeeper_config_drive::{ConfigDriveError, Format, Recipe, Seed, build};
use tempfile::TempDir;

use crate::{
    machines::{self, drive, made},
    reading::{assert_same, ours, run},
};

fn recipe(program: impl Into<PathBuf>, format: Format) -> Recipe {
    Recipe { format, mkisofs_cmd: Some(program.into()), ..Recipe::default() }
}

#[test]
fn genisoimage_makes_the_same_drive() {
    for name in ["full", "injected", "binary_userdata"] {
        let machine = machines::named(name);
        let expected = ours(&*drive(&machine, Format::Iso9660, "s").image.to_vec());
        for format in [Format::Iso9660, Format::Vhd] {
            let built = made(&machine, &recipe("genisoimage", format), "s");
            assert_eq!(built.format, format);
            assert_same(name, "we", &ours(&*built.image.to_vec()), &expected);
        }
    }
}

#[test]
fn genisoimage_is_told_the_publisher_and_the_label() {
    let built = made(&machines::named("minimal"), &recipe("genisoimage", Format::Iso9660), "s");
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("image");
    fs::write(&path, built.image.to_vec()).unwrap();
    let said = run("isoinfo", "genisoimage", &["-d", "-i", path.to_str().unwrap()]);
    let said = String::from_utf8(said).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        "Volume id: config-2\n",
        &format!("Publisher id: Innkeeper {version}\n"),
        "Joliet with UCS level 3 found\n",
        "Rock Ridge signatures version 1 found\n",
    ] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
}

#[test]
fn qemu_img_makes_the_vhd_around_the_same_drive() {
    let machine = machines::named("full");
    let qemu_img = |program: &str| Recipe {
        format: Format::Vhd,
        qemu_img_cmd: Some(program.into()),
        ..Recipe::default()
    };
    let theirs = made(&machine, &qemu_img("qemu-img"), "s").image.to_vec();
    let expected = ours(&*drive(&machine, Format::Iso9660, "s").image.to_vec());
    assert_same("full", "we", &ours(&*theirs), &expected);
    let refused = refusal(&qemu_img("/nowhere/qemu-img"));
    assert!(refused.contains("correct qemu_img_cmd in [config_drive]"), "{refused}");
}

#[test]
fn a_vfat_image_needs_no_program() {
    let built = made(&machines::named("minimal"), &recipe("/nowhere", Format::Vfat), "s");
    assert_eq!(built.format, Format::Vfat);
}

/// A script in place of genisoimage.
fn script(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("mkisofs");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_arguments_are_novas_and_nobody_else_reads_the_files() {
    let directory = TempDir::new().unwrap();
    let seen = directory.path().join("seen");
    let seen_at = seen.display();
    let program = script(
        directory.path(),
        &format!(
            "printf '%s\\n' \"$@\" > {seen_at}\n\
             for last; do :; done\n\
             stat -c %a \"$(dirname \"$last\")\" >> {seen_at}\n\
             ls \"$last\" >> {seen_at}\n\
             echo image > \"$2\""
        ),
    );
    let built = made(&machines::named("full"), &recipe(program, Format::Iso9660), "s");
    assert_eq!(built.image.to_vec(), b"image\n");
    let seen = fs::read_to_string(seen).unwrap();
    let seen: Vec<&str> = seen.lines().collect();
    let [o, image, arguments @ .., contents, mode, ec2, openstack] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!((*o, *mode, *ec2, *openstack), ("-o", "700", "ec2", "openstack"), "{seen:?}");
    let publisher = format!("Innkeeper {}", env!("CARGO_PKG_VERSION"));
    let expected = [
        "-ldots",
        "-allow-lowercase",
        "-allow-multidot",
        "-l",
        "-publisher",
        &publisher,
        "-quiet",
        "-J",
        "-r",
        "-V",
        "config-2",
    ];
    assert_eq!(arguments, expected);
    let (image, contents) = (Path::new(image), Path::new(contents));
    assert_eq!(image.parent(), contents.parent());
    assert!(!contents.exists() && !image.exists(), "passwords are left in {contents:?}");
}

#[test]
fn a_program_that_fails_is_named_with_its_words() {
    let directory = TempDir::new().unwrap();
    let failing = |text: &str| {
        let program = script(directory.path(), text);
        refusal(&recipe(program, Format::Iso9660))
    };
    let refused = failing("echo 'Uh oh,' >&2; echo '  no room' >&2; exit 3");
    assert!(refused.contains("exit status: 3 and printed: Uh oh,; no room;"), "{refused}");
    assert!(refused.contains("correct mkisofs_cmd in [config_drive]"), "{refused}");
    let refused = failing("yes 0123456789 | head -c 1000000 >&2; exit 1");
    assert!(refused.contains("0123456789") && refused.len() < 2_500, "{}", refused.len());
    let refused = failing("exit 0");
    assert!(refused.contains("it ended well, but its image cannot be read"), "{refused}");
    let refused = failing(": > \"$2\"");
    assert!(refused.contains("it wrote an empty image"), "{refused}");
    let refused = refusal(&recipe("/nowhere/genisoimage", Format::Vhd));
    assert!(refused.contains("\"/nowhere/genisoimage\" made no image"), "{refused}");
    assert!(refused.contains("could not be started: No such file"), "{refused}");
}

fn refusal(recipe: &Recipe) -> String {
    let machine = machines::named("full");
    let refused = build(&machine.record, &machines::settings(), &[], recipe, &Seed::from_text("s"));
    let refused = refused.expect_err("there is no image");
    assert!(matches!(refused, ConfigDriveError::Program { .. }), "{refused:?}");
    let refused = refused.to_string();
    assert!(!refused.contains("S3cr3t"), "{refused}");
    refused
}
