//! Reading all that is needed before anything is changed: what is changed may be the way to it.

use std::{collections::HashMap, fmt};

use serde_json::Value;

use super::{Instance, version::candidates};
use crate::source::{Source, SourceError};

/// Bytes of all injected files together, which are in memory until they are placed.
const CONTENTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a source has for this machine. What cannot be read is told to the step that needs it.
pub(crate) struct Documents {
    /// Where they come from, in words.
    pub(crate) origin: String,
    /// The version they were read in.
    pub(crate) version: String,
    /// `meta_data.json`.
    pub(crate) instance: Instance,
    /// `user_data`.
    pub(crate) user_data: Result<Option<Vec<u8>>, String>,
    /// `network_data.json`.
    pub(crate) network_data: Result<Option<Value>, String>,
    /// The injected files.
    pub(crate) files: Result<Vec<Injected>, String>,
    /// The names of vendor data documents that have something in them.
    pub(crate) vendor_data: Vec<&'static str>,
}

/// A file to be placed.
#[derive(Clone)]
pub(crate) struct Injected {
    /// Where it belongs, as the document has it.
    pub(crate) path: String,
    /// What belongs there.
    pub(crate) contents: Result<Vec<u8>, String>,
}

/// There is nothing to apply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadingError {
    /// No version has `meta_data.json`.
    #[error("{origin} has no meta_data.json in any version that is known here ({tried})")]
    Nothing {
        /// The source.
        origin: String,
        /// The versions.
        tried: String,
    },
    /// The document is there and cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The document is there and is damaged.
    #[error("{path} of {origin} cannot be used: {problem}")]
    Document {
        /// The source.
        origin: String,
        /// The document.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads everything.
pub(crate) fn read(source: &dyn Source) -> Result<Documents, ReadingError> {
    let origin = source.describe();
    let versions = candidates(&source.versions());
    for version in &versions {
        let path = format!("openstack/{version}/meta_data.json");
        let Some(document) = source.read(&path)? else { continue };
        let instance = Instance::parse(&document).map_err(|problem| ReadingError::Document {
            origin: origin.clone(),
            path,
            problem,
        })?;
        let read = |name: &str| {
            source.read(&format!("openstack/{version}/{name}")).map_err(|e| e.to_string())
        };
        let has_vendor_data =
            |name: &&str| has_something(source.glance(&format!("openstack/{version}/{name}")));
        return Ok(Documents {
            user_data: read("user_data"),
            network_data: read("network_data.json").and_then(|found| parse(found.as_deref())),
            files: instance.files().map(|files| contents(source, files)),
            vendor_data: ["vendor_data.json", "vendor_data2.json"]
                .into_iter()
                .filter(has_vendor_data)
                .collect(),
            origin,
            version: version.clone(),
            instance,
        });
    }
    Err(ReadingError::Nothing { origin, tried: versions.join(", ") })
}

fn parse(document: Option<&[u8]>) -> Result<Option<Value>, String> {
    let Some(document) = document else { return Ok(None) };
    serde_json::from_slice(document).map_err(|e| format!("network_data.json is not JSON: {e}"))
}

/// Whether vendor data are more than an empty object, or one of empty objects: Nova's second document
/// always names its static part.
fn has_something(document: Option<Vec<u8>>) -> bool {
    let value = document.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    value.is_some_and(|value| match value {
        Value::Object(parts) => !parts.values().all(is_empty),
        value => !value.is_null(),
    })
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// The contents of each place; of several for one place the last, as if each were written in turn.
fn contents(source: &dyn Source, files: Vec<(String, String)>) -> Vec<Injected> {
    let mut left = CONTENTS_BYTES_MAX;
    let mut contents = |content_path: &str| {
        let shown = content_path.escape_debug();
        let path = content_place(content_path)
            .ok_or_else(|| format!("its content_path \"{shown}\" is not like /content/0000"))?;
        let found = source.read(&path).map_err(|e| e.to_string())?;
        let found =
            found.ok_or_else(|| format!("{path} is not there: its contents are missing"))?;
        left = left.checked_sub(found.len()).ok_or_else(|| {
            format!(
                "all files together have more than the {CONTENTS_BYTES_MAX} bytes that are read"
            )
        })?;
        Ok(found)
    };
    let last: HashMap<String, usize> =
        files.iter().enumerate().map(|(at, (path, _))| (path.clone(), at)).collect();
    files
        .into_iter()
        .enumerate()
        .filter(|(at, (path, _))| last.get(path) == Some(at))
        .map(|(_, file)| file)
        .map(|(path, content_path)| Injected { contents: contents(&content_path), path })
        .collect()
}

/// The path of a content, which the document gives from below `openstack`.
fn content_place(content_path: &str) -> Option<String> {
    let name = content_path.strip_prefix("/content/")?;
    let is_plain = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    is_plain.then(|| format!("openstack/content/{name}"))
}

/// Without contents: there may be secrets in them.
impl fmt::Debug for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injected").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Shelf(BTreeMap<&'static str, &'static str>);

    impl Source for Shelf {
        fn describe(&self) -> String {
            "a shelf".to_owned()
        }

        fn versions(&self) -> Vec<String> {
            vec!["2012-08-10".to_owned(), "2018-08-27".to_owned()]
        }

        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
            Ok(self.0.get(path).map(|text| text.as_bytes().to_vec()))
        }
    }

    #[test]
    fn the_newest_version_with_a_document_is_read() {
        let shelf = Shelf(BTreeMap::from([
            (
                "openstack/2012-08-10/meta_data.json",
                r#"{"uuid": "a", "files": [
                {"path": "/x", "content_path": "/content/0000"},
                {"path": "/y", "content_path": "/content/0001"},
                {"path": "/z", "content_path": "/content/../2012-08-10/user_data"}]}"#,
            ),
            ("openstack/2012-08-10/user_data", "#!/bin/sh"),
            ("openstack/2012-08-10/network_data.json", "{"),
            ("openstack/2012-08-10/vendor_data.json", "{}"),
            ("openstack/2012-08-10/vendor_data2.json", "{\"a\": 1}"),
            ("openstack/content/0000", "contents"),
        ]));
        let documents = read(&shelf).unwrap();
        assert_eq!(documents.version, "2012-08-10");
        assert_eq!(documents.user_data.unwrap().unwrap(), b"#!/bin/sh");
        assert!(documents.network_data.unwrap_err().contains("is not JSON"));
        assert_eq!(documents.vendor_data, ["vendor_data2.json"]);
        let files = documents.files.unwrap();
        assert_eq!(files[0].contents.as_deref(), Ok(&b"contents"[..]));
        assert!(files[1].contents.as_ref().unwrap_err().contains("0001 is not there"));
        assert!(files[2].contents.as_ref().unwrap_err().contains("is not like"));
    }

    #[test]
    fn vendor_data_that_say_nothing_are_not_told() {
        let said = |text: &str| has_something(Some(text.as_bytes().to_vec()));
        for nothing in ["{}", "null", r#"{"static": {}}"#, r#"{"static": {}, "x": null}"#, "{"] {
            assert!(!said(nothing), "{nothing}");
        }
        for something in [r#"{"static": {"a": 1}}"#, r#"{"a": ""}"#, r##""#cloud-config""##] {
            assert!(said(something), "{something}");
        }
        assert!(!has_something(None));
    }

    #[test]
    fn nothing_and_damage_are_told_apart() {
        let nothing = read(&Shelf(BTreeMap::new())).err().unwrap();
        assert!(matches!(nothing, ReadingError::Nothing { .. }), "{nothing}");
        let broken = Shelf(BTreeMap::from([("openstack/2018-08-27/meta_data.json", "{\"uuid\"")]));
        let broken = read(&broken).err().unwrap().to_string();
        assert!(broken.contains("2018-08-27/meta_data.json of a shelf cannot be used"), "{broken}");
    }
}
