//! What Nova sent to a service, and what of the answer reached its machines.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod support;

use std::{fs, path::Path};

use innkeeper_model::GuestRecord;
use innkeeper_vendor_data::parse_targets;
use serde_json::{Value, json};
use support::{Service, record, said, with};

#[tokio::test]
async fn every_recorded_machine_is_told_of_to_the_byte() {
    let service = Service::start(|call| async move {
        let body = call.asked.body.clone();
        let answer = format!("{{\"echo\": {}}}", String::from_utf8(body).unwrap());
        call.reply(&support::ok(&answer)).await;
    })
    .await;
    let mut cases = 0;
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance");
    for case in fs::read_dir(recordings).unwrap() {
        let case = case.unwrap().path();
        let Ok(responses) = fs::read(case.join("responses_configB.json")) else { continue };
        cases += 1;
        let responses: Value = serde_json::from_slice(&responses).unwrap();
        let texts: Vec<String> = responses["config"]["vendordata_dynamic_targets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| {
                text.as_str().unwrap().replace("127.0.0.1:19999", &service.address.to_string())
            })
            .collect();
        let (targets, warnings) = parse_targets(&texts);
        assert_eq!(warnings.len(), 2, "one without a name and one name twice: {warnings:?}");

        let vendor_data = with(targets, |_| ());
        let said = said(&vendor_data, &recorded(&case)).await;
        let served = recorded_document(&responses);
        let mut expected: Value = serde_json::from_str(served).unwrap();
        expected.as_object_mut().unwrap().shift_remove("static");
        assert_eq!(said.to_string(), expected.to_string(), "{}", case.display());

        let sent = String::from_utf8(service.asked().pop().unwrap().body).unwrap();
        let document = format!(r#"{{"static": {{}}, "echo": {{"echo": {sent}}}, "dead": {{}}}}"#);
        assert_eq!(document, served, "{}", case.display());
    }
    assert_eq!(cases, 14, "recordings were found");
    assert_eq!(service.times(), cases);
}

fn recorded_document(responses: &Value) -> &str {
    let all = responses["responses"].as_array().unwrap();
    let served = all.iter().find(|one| one["path"] == "/openstack/latest/vendor_data2.json");
    served.unwrap()["body"].as_str().unwrap()
}

fn recorded(case: &Path) -> GuestRecord {
    let input: Value = serde_json::from_slice(&fs::read(case.join("input.json")).unwrap()).unwrap();
    let image = input["image_ref"].as_str().filter(|image| !image.is_empty());
    let mut record = record(&json!({
        "id": input["uuid"],
        "project_id": input["project_id"],
        "name": "recorded",
        "hostname": input["hostname"],
        "image_id": image,
        "user_data": input["user_data_b64"],
        "metadata": input["metadata"],
    }));
    record.boot_roles = input["system_metadata"]["boot_roles"].as_str().unwrap_or("").to_owned();
    record
}
