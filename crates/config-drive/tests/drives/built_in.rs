//! What the built-in writers make, read by our own reader.

use innkeeper_config_drive::{Format, Recipe};
use serde_json::Value;

use crate::{
    machines::{self, Machine, drive, made},
    reading::{Files, assert_same, ours},
};

#[test]
fn every_recorded_drive_is_on_the_image() {
    for machine in machines::all() {
        let written = ours(&*drive(&machine, Format::Iso9660, "s").image.to_vec());
        let [read, recorded] = [&written, &machine.recorded].map(comparable);
        assert_same(&machine.name, "we", &read, &recorded);
        for format in [Format::Vfat, Format::Vhd] {
            let recipe = Recipe { format, vfat_bytes: 4 << 20, ..Recipe::default() };
            let other = ours(&*made(&machine, &recipe, "s").image.to_vec());
            assert_same(&machine.name, format.as_str(), &other, &written);
        }
    }
}

#[test]
fn two_builds_are_identical() {
    for machine in machines::all() {
        for format in Format::ALL {
            let [one, two] = ["s", "s"].map(|seed| drive(&machine, format, seed));
            assert!(one.image == two.image, "{} {format}", machine.name);
        }
    }
}

#[test]
fn seeds_are_all_that_another_seed_changes() {
    for machine in machines::all() {
        let [one, two] =
            ["s", "t"].map(|seed| ours(&*drive(&machine, Format::Iso9660, seed).image.to_vec()));
        let differing: Vec<&String> =
            one.keys().filter(|path| one.get(*path) != two.get(*path)).collect();
        assert_eq!(differing.len(), 9, "{}: one for each version from 2013-04-04", machine.name);
        assert_same(&machine.name, "another seed", &without_seeds(&two), &without_seeds(&one));
    }
}

#[test]
fn machines_with_one_seed_share_no_random_bytes() {
    let seed_of = |machine: &Machine| {
        let files = ours(&*drive(machine, Format::Iso9660, "s").image.to_vec());
        json(&files["openstack/latest/meta_data.json"])["random_seed"].clone()
    };
    let (one, other) = (machines::named("full"), machines::named("minimal"));
    let (one, other) = (seed_of(&one), seed_of(&other));
    assert!(one.as_str().is_some_and(|seed| seed.len() == 684), "{one}");
    assert_ne!(one, other);
}

#[test]
fn what_is_equal_takes_its_place_once() {
    let machine = machines::named("large");
    let image = drive(&machine, Format::Iso9660, "s").image;
    let contents: usize = machine.recorded.values().map(Vec::len).sum();
    assert!(contents > 700_000, "{contents} bytes are no large machine");
    assert!(image.len() < 450_000, "{} bytes of image for {contents} of files", image.len());
}

/// Without what differs on purpose: see `tests/conformance/drive_differences.txt`, which the
/// documents are held to byte by byte.
fn comparable(files: &Files) -> Files {
    let files = &without_seeds(files);
    changed(files, "meta-data.json", |meta_data| {
        if let Some(key) = meta_data.pointer_mut("/public-keys/0").and_then(Value::as_object_mut) {
            key.shift_remove("_name");
        }
    })
}

fn without_seeds(files: &Files) -> Files {
    changed(files, "meta_data.json", |meta_data| {
        meta_data.as_object_mut().unwrap().shift_remove("random_seed");
    })
}

fn changed(files: &Files, name: &str, change: impl Fn(&mut Value)) -> Files {
    let mut files = files.clone();
    for (_, contents) in files.iter_mut().filter(|(path, _)| path.ends_with(name)) {
        let mut value = json(contents);
        change(&mut value);
        *contents = value.to_string().into();
    }
    files
}

fn json(contents: &[u8]) -> Value {
    serde_json::from_slice(contents).unwrap()
}
