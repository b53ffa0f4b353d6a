//! Reads the recordings in `tests/conformance` at the root of the repository.

use std::{fs, path::PathBuf};

use base64::Engine as _;
use innkeeper_model::{GuestRecord, ImportedInstance};
use serde_json::Value;

/// A machine and what Nova answered it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) record: GuestRecord,
    pub(crate) responses: Vec<Response>,
    pub(crate) responses_b: Vec<Response>,
    pub(crate) dynamic_vendor_data: Vec<(String, Value)>,
    /// Path and content of each file of the config drive.
    pub(crate) config_drive: Vec<(String, Vec<u8>)>,
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
    let input: ImportedInstance = serde_json::from_value(read(&format!("{name}/input.json")))
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let record = input.record().unwrap_or_else(|e| panic!("{name}: {e}"));
    let responses = responses(&read(&format!("{name}/responses.json")));
    let responses_b = self::responses(&read(&format!("{name}/responses_configB.json")));
    let dynamic_vendor_data = dynamic_vendor_data(&record);
    let config_drive = files(&read(&format!("{name}/configdrive.json")));
    Case { name, record, responses, responses_b, dynamic_vendor_data, config_drive }
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance")
}

/// A file beside the recordings.
pub(crate) fn text_of(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read(name: &str) -> Value {
    serde_json::from_str(&text_of(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
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
            body: body(response),
        })
        .collect()
}

fn files(drive: &Value) -> Vec<(String, Vec<u8>)> {
    let files = drive["files"].as_array().expect("files");
    files.iter().map(|file| (text(&file["path"]), body(file))).collect()
}

fn body(recorded: &Value) -> Vec<u8> {
    match recorded["body_b64"].as_str() {
        Some(base64) => decode(base64),
        None => text(&recorded["body"]).into_bytes(),
    }
}

fn headers(headers: &Value) -> Vec<(String, String)> {
    let headers = headers.as_array().expect("headers");
    headers.iter().map(|header| (text(&header[0]), text(&header[1]))).collect()
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let header = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(&header.1)
}

/// What the services of configuration B answered: one that echoes what it is told, and one that
/// nobody could reach. The other two targets, one without an address and one with the first's name,
/// were never asked.
fn dynamic_vendor_data(record: &GuestRecord) -> Vec<(String, Value)> {
    let instance = &record.instance;
    let told = serde_json::json!({
        "project-id": instance.project_id,
        "instance-id": instance.id,
        "image-id": instance.image_id.map(|id| id.to_string()).unwrap_or_default(),
        "user-data": instance.user_data,
        "hostname": instance.hostname,
        "metadata": instance.metadata,
        "boot-roles": record.boot_roles,
    });
    let echo = serde_json::json!({ "echo": told });
    vec![("echo".to_owned(), echo), ("dead".to_owned(), serde_json::json!({}))]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn decode(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).expect("base64")
}
