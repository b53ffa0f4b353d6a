//! The recorded machines, and the drives that Nova made for them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use base64::Engine as _;
use innkeeper_config_drive::{Built, Format, Recipe, Seed, build};
use innkeeper_documents::{OpenStackVersion, Settings};
use innkeeper_model::{GuestRecord, ImportedInstance};
use serde_json::Value;

/// 2026-11-23, the day of the recordings.
const CREATED_AT: i64 = 1_795_392_000;

/// A machine of the recordings.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) record: GuestRecord,
    /// What was on the drive that Nova made.
    pub(crate) recorded: BTreeMap<String, Vec<u8>>,
}

pub(crate) fn all() -> Vec<Machine> {
    let mut names: Vec<String> = fs::read_dir(recordings())
        .expect("tests/conformance")
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| recordings().join(name).join("configdrive.json").exists())
        .collect();
    names.sort();
    assert_eq!(names.len(), 14, "{names:?}");
    names.iter().map(|name| named(name)).collect()
}

pub(crate) fn named(name: &str) -> Machine {
    let input: ImportedInstance =
        serde_json::from_value(read(&format!("{name}/input.json"))).unwrap();
    let mut record = input.record().unwrap();
    record.instance.created_at = CREATED_AT;
    let recorded = read(&format!("{name}/configdrive.json"));
    let files = recorded["files"].as_array().unwrap().iter();
    let recorded = files.map(|file| (text(&file["path"]), contents(file))).collect();
    Machine { name: name.to_owned(), record, recorded }
}

/// As the recorded Nova was configured.
pub(crate) fn settings() -> Settings {
    let static_vendor_data = read("minimal/responses.json")["config"]["vendordata_static"].clone();
    let newest_openstack_version = OpenStackVersion::V2020_10_14;
    Settings { newest_openstack_version, static_vendor_data, ..Settings::default() }
}

/// A drive in a format, otherwise by default.
pub(crate) fn drive(machine: &Machine, format: Format, seed: &str) -> Built {
    made(machine, &Recipe { format, ..Recipe::default() }, seed)
}

pub(crate) fn made(machine: &Machine, recipe: &Recipe, seed: &str) -> Built {
    build(&machine.record, &settings(), &[], recipe, &Seed::from_text(seed))
        .unwrap_or_else(|error| panic!("{}: {error}", machine.name))
}

fn recordings() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance")
}

fn read(name: &str) -> Value {
    let path = recordings().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn contents(file: &Value) -> Vec<u8> {
    match file["body_b64"].as_str() {
        Some(base64) => base64::engine::general_purpose::STANDARD.decode(base64).unwrap(),
        None => text(&file["body"]).into_bytes(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
