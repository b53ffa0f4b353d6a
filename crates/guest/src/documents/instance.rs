//! `meta_data.json`.

use std::fmt;

use serde_json::{Map, Value};

/// The longest name of an instance that is taken for a file name; a UUID has 36.
const UUID_BYTES_MAX: usize = 64;

/// Injected files of one instance. Nova's quota is 5 unless its operator raises it; each one is a
/// line of the record of what was applied.
const FILES_MAX: usize = 1000;

/// What `meta_data.json` says. Only the instance's id must be right: what is wrong with the rest
/// is wrong with the step that needs it.
#[derive(Clone)]
pub(crate) struct Instance {
    /// Letters, digits and hyphens.
    pub(crate) uuid: String,
    fields: Map<String, Value>,
}

/// A key for logging in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPair {
    /// What the owner calls it.
    pub(crate) name: String,
    /// `ssh` or another kind.
    pub(crate) kind: String,
    /// The public key as a line of `authorized_keys`, or several lines.
    pub(crate) data: String,
}

impl Instance {
    /// Reads the document.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(document).map_err(|e| format!("it is not JSON: {e}"))?;
        let Value::Object(fields) = value else {
            return Err("it is not a JSON object".to_owned());
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let uuid = fields.get("uuid").and_then(Value::as_str).unwrap_or_default();
        if uuid.is_empty() || uuid.len() > UUID_BYTES_MAX || !uuid.chars().all(is_plain) {
            return Err("it has no \"uuid\" of letters, digits and hyphens, by which it would be \
                        known what was applied"
                .to_owned());
        }
        Ok(Self { uuid: uuid.to_owned(), fields })
    }

    /// The host name, with its domain if it has one.
    pub(crate) fn host_name(&self) -> Result<Option<&str>, String> {
        self.text("hostname")
    }

    /// The password for root.
    pub(crate) fn admin_pass(&self) -> Result<Option<&str>, String> {
        self.text("admin_pass")
    }

    /// Whether there is a network template, the way of before `network_data.json`.
    pub(crate) fn has_network_template(&self) -> bool {
        self.fields.get("network_config").is_some_and(|value| !value.is_null())
    }

    /// The keys: `keys`, or `public_keys` where only those are there.
    pub(crate) fn keys(&self) -> Result<Vec<KeyPair>, String> {
        let wrong = |name| format!("\"{name}\" in meta_data.json is not what it should be");
        match (self.fields.get("keys"), self.fields.get("public_keys")) {
            (Some(Value::Array(keys)), _) => keys
                .iter()
                .map(|key| {
                    let text = |name| key.get(name).and_then(Value::as_str).map(str::to_owned);
                    let data = text("data").ok_or_else(|| wrong("keys"))?;
                    let kind = text("type").unwrap_or_else(|| "ssh".to_owned());
                    Ok(KeyPair { name: text("name").unwrap_or_default(), kind, data })
                })
                .collect(),
            (None | Some(Value::Null), Some(Value::Object(keys))) => keys
                .iter()
                .map(|(name, data)| {
                    let data = data.as_str().ok_or_else(|| wrong("public_keys"))?.to_owned();
                    Ok(KeyPair { name: name.clone(), kind: "ssh".to_owned(), data })
                })
                .collect(),
            (None | Some(Value::Null), None | Some(Value::Null)) => Ok(Vec::new()),
            (None | Some(Value::Null), _) => Err(wrong("public_keys")),
            _ => Err(wrong("keys")),
        }
    }

    /// The injected files: where each belongs, and where its contents are.
    pub(crate) fn files(&self) -> Result<Vec<(String, String)>, String> {
        let wrong = || "\"files\" in meta_data.json is not a list of paths".to_owned();
        match self.fields.get("files") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(files)) if files.len() > FILES_MAX => {
                Err(format!("\"files\" in meta_data.json has more than {FILES_MAX} paths"))
            }
            Some(Value::Array(files)) => files
                .iter()
                .map(|file| {
                    let text = |name| file.get(name).and_then(Value::as_str).map(str::to_owned);
                    text("path").zip(text("content_path")).ok_or_else(wrong)
                })
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("\"{name}\" in meta_data.json is not a text")),
        }
    }
}

/// Without the fields: there is a password among them.
impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("uuid", &self.uuid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn instance(fields: &Value) -> Instance {
        let mut whole = json!({"uuid": "8d0e3fd5-0001"});
        whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Instance::parse(whole.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn an_id_that_is_no_file_name_is_refused() {
        for uuid in ["", "../../etc/x", "a/b", ".", "a\u{0}", &"a".repeat(65)] {
            let document = json!({"uuid": uuid}).to_string();
            assert!(Instance::parse(document.as_bytes()).is_err(), "{uuid:?}");
        }
        for document in ["", "{", "[]", "{}", "{\"uuid\": 1}"] {
            assert!(Instance::parse(document.as_bytes()).is_err(), "{document}");
        }
    }

    #[test]
    fn keys_are_read_from_either_place() {
        let key = |kind: &str| KeyPair { name: "k".into(), kind: kind.into(), data: "d".into() };
        let both = json!({"keys": [{"name": "k", "type": "x509", "data": "d"}],
                          "public_keys": {"k": "d"}});
        assert_eq!(instance(&both).keys().unwrap(), [key("x509")]);
        assert_eq!(instance(&json!({"public_keys": {"k": "d"}})).keys().unwrap(), [key("ssh")]);
        assert_eq!(instance(&json!({"keys": null})).keys().unwrap(), []);
        for wrong in [json!({"keys": "x"}), json!({"keys": [1]}), json!({"public_keys": ["x"]})] {
            assert!(instance(&wrong).keys().is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_wrong_field_leaves_the_others() {
        let odd = instance(&json!({"hostname": 7, "files": [{"path": "/a"}], "admin_pass": "x"}));
        assert!(odd.host_name().is_err() && odd.files().is_err());
        assert_eq!(odd.admin_pass(), Ok(Some("x")));
        assert!(!format!("{odd:?}").contains("admin_pass"));
        let empty = instance(&json!({"hostname": "", "admin_pass": null}));
        assert_eq!((empty.host_name(), empty.admin_pass()), (Ok(None), Ok(None)));
    }

    proptest! {
        #[test]
        fn no_document_is_a_panic(document in "[{}\\[\\]\":,a-z0-9\\\\]{0,40}") {
            if let Ok(instance) = Instance::parse(document.as_bytes()) {
                let _ = (instance.keys(), instance.files(), instance.host_name());
            }
        }
    }
}
