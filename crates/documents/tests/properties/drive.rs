//! A config drive says what the metadata service says.

use bytes::Bytes;
use innkeeper_documents::{DriveContents, Entry, GuestTree};
use serde_json::Value;

/// Compares every file of a drive without personality and password with what is served.
pub(crate) fn check(tree: &GuestTree<'_>) {
    let files = tree.drive_files(&DriveContents::default(), &mut |bytes| bytes.fill(7));
    let files = files.expect("nothing can be wrong without personality");
    assert!(files.len() >= 35, "only {} files", files.len());
    for (path, contents) in files {
        match path.strip_suffix("/meta-data.json") {
            None => assert_eq!(served(tree, &path), Some(contents), "{path}"),
            Some(version) => {
                let value: Value = serde_json::from_slice(&contents).expect("JSON");
                let leaves = compare(tree, &format!("{version}/meta-data"), &value);
                assert!(leaves >= 8, "only {leaves} values in {path}");
            }
        }
    }
}

fn served(tree: &GuestTree<'_>, path: &str) -> Option<Bytes> {
    match tree.get(path)? {
        Entry::File(file) => Some(file.render(&mut |bytes| bytes.fill(7))),
        Entry::Directory(_) => None,
    }
}

/// How many values were compared.
fn compare(tree: &GuestTree<'_>, path: &str, value: &Value) -> usize {
    let shown = match value {
        Value::Object(object) => {
            let Some(Entry::Directory(directory)) = tree.get(path) else {
                panic!("{path} is no directory")
            };
            let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
            keys.sort_unstable();
            let listed: Vec<&str> =
                directory.children().iter().map(|child| child.segment()).collect();
            assert_eq!(keys, listed, "{path}");
            let below =
                object.iter().map(|(key, value)| compare(tree, &format!("{path}/{key}"), value));
            return below.sum();
        }
        Value::String(text) => text.clone(),
        Value::Null => "None".to_owned(),
        Value::Array(items) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            items.join("\n")
        }
        other => other.to_string(),
    };
    assert_eq!(served(tree, path), Some(shown.into()), "{path}");
    1
}
