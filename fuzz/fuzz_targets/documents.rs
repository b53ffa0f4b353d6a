//! Every document of a machine that the bytes describe: as an import, or as a seed of the property
//! tests' strategy.

#![no_main]

#[path = "../../crates/documents/tests/properties/any_record.rs"]
mod any_record;
#[path = "../../crates/documents/tests/properties/walk.rs"]
mod walk;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use innkeeper_documents::{CivilDate, GuestTree, Settings};
use innkeeper_model::{GuestRecord, ImportedInstance};
use libfuzzer_sys::{Corpus, fuzz_target};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

fuzz_target!(|bytes: &[u8]| -> Corpus { render_all(bytes) });

fn render_all(bytes: &[u8]) -> Corpus {
    let Some(record) = imported(bytes).or_else(|| grown_from(bytes)) else {
        return Corpus::Reject;
    };
    let settings = Settings::default();
    let tree = GuestTree::new(&record, &settings, CivilDate::from_unix(1_795_392_000));
    let files = walk::listed_files(&tree, None);
    let id = record.instance.id.to_string();
    let has_id = |body: &Vec<u8>| body.windows(id.len()).any(|part| part == id.as_bytes());
    assert!(files.values().any(has_id), "the machine is in no document of its own");
    Corpus::Keep
}

/// The machine that the bytes are, as JSON in the form of an import.
fn imported(bytes: &[u8]) -> Option<GuestRecord> {
    let imported: ImportedInstance = serde_json::from_slice(bytes).ok()?;
    imported.record().ok()
}

/// Some machine, ever the same for the same bytes. `None` for longer bytes: they are JSON gone wrong.
fn grown_from(bytes: &[u8]) -> Option<GuestRecord> {
    const SEED_BYTES_MAX: usize = 16;
    if bytes.len() > SEED_BYTES_MAX {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let seed = hasher.finish().to_le_bytes().repeat(4);
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let made = any_record::any_record("qzONEzq").new_tree(&mut runner).ok()?;
    Some(made.current())
}
