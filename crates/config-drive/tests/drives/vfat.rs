//! VFAT images as other programs read them.

use std::fs::{self, File};

use innkeeper_config_drive::{Format, Recipe};
use tempfile::TempDir;

use crate::{
    machines::{self, made},
    reading::{assert_same, below, ours, run},
};

#[test]
fn mtools_copy_the_same_and_fsck_finds_nothing() {
    for machine in machines::all() {
        for (vfat_bytes, recipe) in [
            (64 << 20, Recipe { format: Format::Vfat, ..Recipe::default() }),
            (4 << 20, Recipe { format: Format::Vfat, vfat_bytes: 4 << 20, ..Recipe::default() }),
        ] {
            let image = made(&machine, &recipe, "s").image;
            assert_eq!(image.len(), vfat_bytes);
            let directory = TempDir::new().unwrap();
            let (path, to) = (directory.path().join("image"), directory.path().join("copied"));
            let file = File::create_new(&path).unwrap();
            image.write_sparse(&file).unwrap();
            fs::create_dir(&to).unwrap();
            let expected = ours(&File::open(&path).unwrap());
            let path = path.to_str().unwrap();
            run("fsck.vfat", "dosfstools", &["-n", path]);
            let label = run("mlabel", "mtools", &["-s", "-i", path, "::"]);
            let label = String::from_utf8(label).unwrap();
            assert!(label.contains("config-2"), "{}: {label}", machine.name);
            run("mcopy", "mtools", &["-s", "-i", path, "::*", to.to_str().unwrap()]);
            assert_same(&machine.name, "mcopy", &below(&to), &expected);
        }
    }
}

/// A drive of 1 MiB has room for most, but not for everything: then it is an error and no image.
#[test]
fn what_does_not_fit_is_an_error_with_numbers() {
    let mut machine = machines::named("large");
    let recipe = Recipe { format: Format::Vfat, vfat_bytes: 1 << 20, ..Recipe::default() };
    let skip_nothing = Recipe { skip_versions: Vec::new(), ..recipe };
    machine.record.instance.metadata.insert("k".to_owned(), "v".repeat(50_000));
    let (settings, seed) = (machines::settings(), innkeeper_config_drive::Seed::from_text("s"));
    let refused =
        innkeeper_config_drive::build(&machine.record, &settings, &[], &skip_nothing, &seed);
    let refused = refused.expect_err("it cannot fit").to_string();
    assert!(refused.contains("room for") && refused.contains("vfat_mib in [config"), "{refused}");
}
