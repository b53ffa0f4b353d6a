//! Reads the recordings in `tests/conformance` at the root of the repository.

use std::{fs, path::PathBuf};

use base64::Engine as _;
use innkeeper_model::{
    AttachedKeyPair, Ec2Ids, Ec2Key, Flavor, GuestRecord, Instance, PersonalityFile, PowerState,
};
use serde_json::Value;

/// A machine and what Nova answered it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) record: GuestRecord,
    pub(crate) responses: Vec<Response>,
    pub(crate) responses_b: Vec<Response>,
}

/// How Nova was configured: see the README beside the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Config {
    A,
    B,
}

pub(crate) struct Response {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u64,
    pub(crate) body: Vec<u8>,
    headers: Vec<(String, String)>,
    response_headers: Vec<(String, String)>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub(crate) fn response_header(&self, name: &str) -> Option<&str> {
        find(&self.response_headers, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(200).collect()
    }

    /// Without its query; `None` if it is not UTF-8.
    pub(crate) fn decoded_path(&self) -> Option<String> {
        let path = self.path.split('?').next()?;
        let mut decoded = Vec::new();
        let mut rest = path.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) if *first == b'%' => {
                    decoded.push(byte);
                    rest = &after[2..];
                }
                _ => {
                    decoded.push(*first);
                    rest = after;
                }
            }
        }
        String::from_utf8(decoded).ok()
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .expect("tests/conformance")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| directory().join(name).join("input.json").exists())
        .collect();
    names.sort();
    assert_eq!(names.len(), 14, "{names:?}");
    names.into_iter().map(case).collect()
}

/// The vendor's file that Nova had in configuration A.
pub(crate) fn static_vendor_data() -> Value {
    read("minimal/responses.json")["config"]["vendordata_static"].clone()
}

fn case(name: String) -> Case {
    let record = record(&read(&format!("{name}/input.json")));
    let responses = responses(&read(&format!("{name}/responses.json")));
    let responses_b = self::responses(&read(&format!("{name}/responses_configB.json")));
    Case { name, record, responses, responses_b }
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance")
}

fn read(name: &str) -> Value {
    let path = directory().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn responses(file: &Value) -> Vec<Response> {
    let responses = file["responses"].as_array().expect("responses");
    responses
        .iter()
        .map(|response| Response {
            method: text(&response["method"]),
            path: text(&response["path"]),
            status: response["status"].as_u64().expect("a status"),
            headers: headers(&response["headers"]),
            response_headers: headers(&response["response_headers"]),
            body: match response["body_b64"].as_str() {
                Some(base64) => decode(base64),
                None => text(&response["body"]).into_bytes(),
            },
        })
        .collect()
}

fn headers(headers: &Value) -> Vec<(String, String)> {
    let headers = headers.as_array().expect("headers");
    headers.iter().map(|header| (text(&header[0]), text(&header[1]))).collect()
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let header = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(&header.1)
}

/// The machine of an `input.json`.
fn record(input: &Value) -> GuestRecord {
    let ids = &input["ec2_ids"];
    GuestRecord {
        instance: instance(input),
        display_name: parse(&input["display_name"]),
        ec2_key: parse::<Option<String>>(&input["key_name"])
            .map(|name| Ec2Key { name, public_key: parse(&input["key_data"]) }),
        boot_roles: parse::<Option<String>>(&input["system_metadata"]["boot_roles"])
            .unwrap_or_default(),
        ec2_ids: Ec2Ids {
            instance: ids["instance"].as_u64().expect("an id"),
            image: ids["image"].as_u64(),
            kernel: ids["kernel"].as_u64(),
            ramdisk: ids["ramdisk"].as_u64(),
        },
        network_info: parse(&input["network_info"]),
        security_groups: parse::<Vec<Vec<String>>>(&input["security_groups_per_port"]).concat(),
        password: password(&input["system_metadata"]),
    }
}

fn instance(input: &Value) -> Instance {
    let devices = &input["devices"];
    let numa_cells = &input["numa_cells"];
    Instance {
        id: parse(&input["uuid"]),
        project_id: parse(&input["project_id"]),
        user_id: parse(&input["user_id"]),
        name: text(&input["display_name"]),
        hostname: text(&input["hostname"]),
        flavor: flavor(&input["flavor"]),
        image_id: filled(&input["image_ref"]),
        kernel_id: filled(&input["kernel_id"]),
        ramdisk_id: filled(&input["ramdisk_id"]),
        availability_zone: parse(&input["availability_zone"]),
        launch_index: parse(&input["launch_index"]),
        reservation_id: text(&input["reservation_id"]),
        key_pair: parse::<Option<AttachedKeyPair>>(&input["keypair"]),
        user_data: parse(&input["user_data_b64"]),
        metadata: parse(&input["metadata"]),
        personality: parse::<Vec<Value>>(&input["files"]).iter().map(file).collect(),
        admin_password: None,
        root_device_name: parse(&input["root_device_name"]),
        default_ephemeral_device: parse(&input["default_ephemeral_device"]),
        default_swap_device: parse(&input["default_swap_device"]),
        block_devices: parse(&input["block_devices"]),
        devices: if devices.is_null() { Vec::new() } else { parse(devices) },
        numa_cells: if numa_cells.is_null() { Vec::new() } else { parse(numa_cells) },
        config_drive: !text(&input["config_drive"]).is_empty(),
        power_state: PowerState::Unknown,
        launched_at: None,
        created_at: 0,
        revision: 1,
    }
}

fn flavor(flavor: &Value) -> Flavor {
    Flavor {
        id: parse(&flavor["flavorid"]),
        name: text(&flavor["name"]),
        vcpus: parse(&flavor["vcpus"]),
        ram_mib: parse(&flavor["memory_mb"]),
        disk_gib: parse(&flavor["root_gb"]),
        extra_specs: parse(&flavor["extra_specs"]),
        created_at: 0,
    }
}

fn file(file: &Value) -> PersonalityFile {
    let contents = base64::engine::general_purpose::STANDARD.encode(text(&file["content"]));
    PersonalityFile { path: text(&file["path"]), contents }
}

/// Nova keeps it in pieces: `password_0` to `password_3`.
fn password(system_metadata: &Value) -> String {
    let pieces = (0..4).filter_map(|n| system_metadata[format!("password_{n}")].as_str());
    pieces.collect()
}

/// `None` for the empty text, which is how Nova writes that there is none.
fn filled<T: serde::de::DeserializeOwned>(value: &Value) -> Option<T> {
    (value != "").then(|| parse(value))
}

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{value}: {e}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn decode(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).expect("base64")
}
