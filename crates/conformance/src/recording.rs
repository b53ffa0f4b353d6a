//! The files in which Nova's answers were recorded.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use crate::ConformanceError;

/// One `responses*.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    /// How Nova was configured, as far as the file says.
    #[serde(default, deserialize_with = "configuration")]
    pub(crate) config: Map<String, Value>,
    /// The only machine that there was; not set: every machine of the directory.
    #[serde(default)]
    instance: Option<String>,
    /// The only machines that there were.
    #[serde(default)]
    instances: Vec<String>,
    /// What was asked and answered, in order.
    pub(crate) responses: Vec<Exchange>,
}

impl Recording {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ConformanceError> {
        let text = fs::read(path).map_err(ConformanceError::file("read", path))?;
        serde_json::from_slice(&text)
            .map_err(|source| ConformanceError::NotARecording { path: path.to_owned(), source })
    }

    /// The folders of the machines that there were; empty: every machine of the directory.
    pub(crate) fn machines(&self) -> Vec<String> {
        self.instance.iter().chain(&self.instances).cloned().collect()
    }

    /// Whether some answer depends on what was asked before it.
    pub(crate) fn order_matters(&self) -> bool {
        self.responses.iter().any(|exchange| {
            exchange.method == "POST" && exchange.path.trim_end_matches('/').ends_with("/password")
        })
    }
}

/// One request and Nova's answer.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Exchange {
    /// What the recording calls it; most have no name.
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) method: String,
    /// The request target as it was sent, query and all.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// The request's body; `None`: none was announced.
    #[serde(default, rename = "request_body_b64", deserialize_with = "base64_text")]
    pub(crate) request_body: Option<Vec<u8>>,
    /// Nova's status; 0: it closed the connection without a byte.
    pub(crate) status: u16,
    #[serde(default)]
    response_headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    #[serde(default, deserialize_with = "base64_text")]
    body_b64: Option<Vec<u8>>,
}

impl Exchange {
    /// The first header of Nova's answer that has this name.
    pub(crate) fn response_header(&self, name: &str) -> Option<&str> {
        let found = self.response_headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Nova's body.
    pub(crate) fn response_body(&self) -> &[u8] {
        self.body_b64.as_deref().unwrap_or(self.body.as_bytes())
    }
}

/// An object, or nothing but the name.
fn configuration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(said) => Ok(said),
        name @ Value::String(_) => Ok([("name".to_owned(), name)].into_iter().collect()),
        Value::Null => Ok(Map::new()),
        _ => Err(D::Error::custom("config is neither an object nor a name")),
    }
}

fn base64_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.map(|text| STANDARD.decode(text).map_err(D::Error::custom)).transpose()
}
