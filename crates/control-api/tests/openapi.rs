//! The document that is checked in is the one that is served, and it is whole.

use std::{fs, path::Path};

use innkeeper_control_api::{Operation, openapi_document};
use serde_json::Value;

#[test]
fn the_checked_in_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = serde_json::to_string_pretty(&openapi_document()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, &text).expect("docs/openapi.json can be written");
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == text,
        "docs/openapi.json is not current: run UPDATE_OPENAPI=1 cargo test -p innkeeper-control-api"
    );
}

#[test]
fn every_operation_is_described_and_nothing_else() {
    let document = openapi_document();
    let paths = document["paths"].as_object().expect("paths");
    let mut described: Vec<_> = paths
        .values()
        .flat_map(|item| item.as_object().expect("an item").values())
        .map(|operation| operation["operationId"].as_str().expect("an id").to_owned())
        .collect();
    let mut known: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    described.sort();
    known.sort();
    assert_eq!(described, known);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi_document();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 50, "only {} references", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            into.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(array) => array.iter().for_each(|value| collect_references(value, into)),
        _ => {}
    }
}
