//! Every `network_data.json` that a real Nova was seen to serve can be planned.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use innkeeper_guest::network::{Interface, Plan, Refusal};
use serde_json::Value;

#[test]
fn recorded_documents_are_planned_in_full() {
    let documents = recorded();
    assert!(documents.len() > 10, "only {} documents were found", documents.len());
    for text in documents {
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let macs: Vec<&str> = document["links"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|link| link["ethernet_mac_address"].as_str().expect("a MAC"))
            .collect();
        let plan = Plan::new(&document, &machine(&macs)).expect("a plan");
        assert_eq!(plan.refusals(), [], "{text}");
        assert_eq!(plan.describe().len(), macs.len(), "{text}");

        let elsewhere = Plan::new(&document, &[]).expect("a plan");
        assert_eq!(elsewhere.refusals().len(), macs.len(), "{text}");
        let is_missing = |refusal: &Refusal| matches!(refusal, Refusal::NoInterface { .. });
        assert!(elsewhere.refusals().iter().all(is_missing), "{text}");
    }
}

fn machine(macs: &[&str]) -> Vec<Interface> {
    (1..)
        .zip(macs)
        .map(|(index, mac)| Interface {
            name: format!("eth{index}"),
            mac: mac.parse().expect("a MAC"),
            index,
        })
        .collect()
}

fn recorded() -> BTreeSet<String> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance")];
    let mut documents = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                documents.extend(documents_of(&path));
            }
        }
    }
    documents
}

fn documents_of(path: &PathBuf) -> Vec<String> {
    let recording: Value =
        serde_json::from_slice(&fs::read(path).expect("a file")).expect("a recording");
    let is_wanted = |response: &&Value| {
        let path = response["path"].as_str().unwrap_or_default();
        response["status"] == 200 && path.ends_with("/network_data.json")
    };
    let responses = recording["responses"].as_array().into_iter().flatten();
    responses
        .filter(is_wanted)
        .filter_map(|response| Some(response["body"].as_str()?.to_owned()))
        .collect()
}
