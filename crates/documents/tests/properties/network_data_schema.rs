//! `network_data.json` against the schema of its format: see `tests/conformance/README.md`.

use std::{fs, path::PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

/// Types of networks that Nova emits though the schema does not know them.
const UNKNOWN_TO_THE_SCHEMA: [&str; 2] = ["ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateful"];

/// # Panics
/// If the document does not follow the schema, but for the exceptions named here.
pub(crate) fn check(document: &[u8]) {
    let mut document: Value = serde_json::from_slice(document).expect("JSON");
    if document == json!({}) {
        // Without any interface Nova serves this, which lacks all that the schema demands.
        return;
    }
    for network in document["networks"].as_array_mut().expect("networks") {
        if network["type"].as_str().is_some_and(|kind| UNKNOWN_TO_THE_SCHEMA.contains(&kind)) {
            network["type"] = json!("ipv6_slaac");
        }
    }
    if let Err(error) = validate(&document) {
        panic!("{document:#}\n{error}");
    }
}

thread_local! {
    static SCHEMA: (Schemas, SchemaIndex) = compiled();
}

fn validate(document: &Value) -> Result<(), String> {
    SCHEMA.with(|(schemas, schema)| {
        schemas.validate(document, *schema).map_err(|error| format!("{error:#}"))
    })
}

fn compiled() -> (Schemas, SchemaIndex) {
    let schema = read("network_data.schema.json");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    compiler.add_resource("network_data.schema.json", schema).expect("a resource");
    let index = compiler.compile("network_data.schema.json", &mut schemas).expect("a schema");
    (schemas, index)
}

fn read(name: &str) -> Value {
    let path = directory().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance")
}

#[test]
fn every_recorded_document_follows_the_schema() {
    let mut checked = 0;
    for entry in fs::read_dir(directory()).expect("tests/conformance") {
        let recorded = entry.expect("an entry").path().join("responses.json");
        let Ok(text) = fs::read_to_string(&recorded) else { continue };
        let recorded: Value = serde_json::from_str(&text).expect("JSON");
        for response in recorded["responses"].as_array().expect("responses") {
            let is_get = response["method"] == "GET" && response["status"] == 200;
            let path = response["path"].as_str().unwrap_or_default();
            if is_get && path.ends_with("/network_data.json") {
                check(response["body"].as_str().expect("a body").as_bytes());
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "only {checked} documents were checked: are the recordings there?");
}

/// The exceptions are needed, and the schema refuses what it should.
#[test]
fn the_schema_refuses() {
    let link =
        json!({"id": "a", "type": "ovs", "mtu": null, "ethernet_mac_address": "fa:16:3e:00:00:01"});
    let network =
        |kind: &str| json!({"id": "network0", "link": "a", "network_id": "n", "type": kind});
    let document = |link: &Value, network: &Value| json!({"links": [link], "networks": [network], "services": []});
    assert_eq!(validate(&document(&link, &network("ipv6_slaac"))), Ok(()));
    assert!(validate(&json!({})).is_err());
    for kind in UNKNOWN_TO_THE_SCHEMA {
        assert!(validate(&document(&link, &network(kind))).is_err(), "{kind}");
    }
    for (key, wrong) in
        [("type", json!("macvtap")), ("mtu", json!(0)), ("ethernet_mac_address", json!("fa"))]
    {
        let mut link = link.clone();
        link[key] = wrong;
        assert!(validate(&document(&link, &network("ipv4"))).is_err(), "{key}");
    }
    let mut in_prefix_form = network("ipv6");
    in_prefix_form["netmask"] = json!("64");
    assert!(validate(&document(&link, &in_prefix_form)).is_err(), "a netmask is an address");
}
