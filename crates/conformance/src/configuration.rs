//! How Nova was configured when it was recorded, and the same said to `innkeeper api`.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, path::Path};

use serde_json::{Map, Value};

/// What signs identities where no recording says: the secret of the recordings kept here.
const SHARED_SECRET: &str = "peer-secret";
/// Where the recorded Nova's dynamic vendor data came from; ours listens elsewhere.
const RECORDED_ECHO: &str = "127.0.0.1:19999";
/// The newest version that the recorded release of Nova knows.
const NEWEST_OPENSTACK_VERSION: &str = "2020-10-14";

/// One configuration of Nova, complete.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The recordings' name of it, like `A`.
    pub(crate) name: String,
    settings: Map<String, Value>,
}

/// The configurations that a directory's files describe in full, by name.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(BTreeMap<String, Map<String, Value>>);

impl Catalogue {
    /// Takes note of what a file says of its configuration; of two that describe one name, the
    /// one that says more counts.
    pub(crate) fn add(&mut self, said: &Map<String, Value>) {
        let known = self.0.entry(name_of(said)).or_default();
        if said.len() > known.len() {
            known.clone_from(said);
        }
    }

    /// The configuration of a file that perhaps says only its name, or what differs from another.
    pub(crate) fn complete(&self, said: &Map<String, Value>) -> Configuration {
        let name = name_of(said);
        let mut settings = Map::new();
        // What a configuration leaves open is as in the first one, which all others vary.
        for base in ["A", name.trim_end_matches(|c: char| c.is_ascii_digit()), &name] {
            settings.extend(self.0.get(base).cloned().unwrap_or_default());
        }
        settings.extend(said.clone());
        settings.retain(|key, _| !["name", "server", "dynamic_service"].contains(&key.as_str()));
        Configuration { name, settings }
    }
}

/// The first word of a configuration's name; the rest of it is a remark.
fn name_of(said: &Map<String, Value>) -> String {
    let name = said.get("name").and_then(Value::as_str).unwrap_or("A");
    name.split_whitespace().next().unwrap_or("A").to_owned()
}

impl Configuration {
    /// Whether another one differs in name only.
    pub(crate) fn means_the_same(&self, other: &Self) -> bool {
        self.settings == other.settings
    }

    /// The secret that signs identities.
    pub(crate) fn shared_secret(&self) -> &str {
        self.text("shared_secret").unwrap_or(SHARED_SECRET)
    }

    /// The static vendor data, if there is any.
    pub(crate) fn vendor_data(&self) -> Option<&Value> {
        self.settings.get("vendordata_static").filter(|value| !value.is_null())
    }

    /// The same for `innkeeper api`, all of whose files are in `directory`.
    pub(crate) fn toml(&self, directory: &Path, listen: SocketAddr, echo: SocketAddr) -> String {
        let path = |name: &str| quoted(&directory.join(name).to_string_lossy());
        let mut toml = String::new();
        let _ = writeln!(toml, "[store]\npath = {}", path("innkeeper.db"));
        let _ = writeln!(toml, "[control]\nsocket = {}", path("control.sock"));
        let _ = writeln!(toml, "[secrets]\nshared_secret_file = {}", path("shared_secret"));
        let _ = writeln!(toml, "[log]\nlevel = \"error\"");
        let _ = writeln!(toml, "[api]\nlisten = {}", quoted(&listen.to_string()));
        let _ = writeln!(toml, "newest_openstack_version = {}", quoted(NEWEST_OPENSTACK_VERSION));
        if let Some(domain) = self.text("dhcp_domain") {
            let _ = writeln!(toml, "dhcp_domain = {}", quoted(domain));
        }
        if self.flag("service_metadata_proxy") == Some(false) {
            let _ = writeln!(toml, "identification = \"address\"");
        }
        if let Some(trusted) = self.flag("use_forwarded_for") {
            let _ = writeln!(toml, "trust_forwarded_for = {trusted}");
        }
        if let Some(providers) = self.list("vendordata_providers") {
            let _ = writeln!(toml, "vendordata_providers = {}", list(&providers));
        }
        if self.vendor_data().is_some() {
            let _ = writeln!(toml, "vendordata_jsonfile_path = {}", path("vendor_data.json"));
        }
        if let Some(targets) = self.list("vendordata_dynamic_targets") {
            let ours = |target: &String| target.replace(RECORDED_ECHO, &echo.to_string());
            let targets: Vec<String> = targets.iter().map(ours).collect();
            let _ = writeln!(toml, "vendordata_dynamic_targets = {}", list(&targets));
        }
        toml
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.settings.get(key)?.as_str()
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.settings.get(key)?.as_bool()
    }

    fn list(&self, key: &str) -> Option<Vec<String>> {
        let values = self.settings.get(key)?.as_array()?.iter();
        Some(values.filter_map(Value::as_str).map(str::to_owned).collect())
    }
}

fn list(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A TOML basic string; JSON's is one, but for DEL.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        catalogue.add(&map(&json!({"name": "A"})));
        catalogue.add(&map(&json!({
            "name": "A", "server": "uwsgi", "dhcp_domain": "novalocal",
            "vendordata_providers": ["StaticJSON"], "shared_secret": "s",
        })));
        catalogue
    }

    #[test]
    fn a_name_alone_is_what_was_said_of_it_elsewhere() {
        let catalogue = catalogue();
        for said in [json!({"name": "A"}), json!({"name": "A0 (no cache)"})] {
            let complete = catalogue.complete(&map(&said));
            assert_eq!(complete.text("dhcp_domain"), Some("novalocal"), "{said}");
            assert_eq!(complete.shared_secret(), "s", "{said}");
        }
        let named = catalogue.complete(&map(&json!({"name": "E = A on eventlet"})));
        assert_eq!((named.name.as_str(), named.shared_secret()), ("E", "s"));
    }

    #[test]
    fn what_varies_from_the_first_configuration_is_said_to_the_program() {
        let said = json!({
            "name": "C", "service_metadata_proxy": false, "use_forwarded_for": true,
            "vendordata_dynamic_targets": ["echo@http://127.0.0.1:19999/echo", "x\"y"],
        });
        let complete = catalogue().complete(&map(&said));
        let listen = SocketAddr::from(([127, 0, 0, 1], 1));
        let echo = SocketAddr::from(([127, 0, 0, 1], 2));
        let toml = complete.toml(Path::new("/d"), listen, echo);
        for line in [
            "path = \"/d/innkeeper.db\"",
            "listen = \"127.0.0.1:1\"",
            "dhcp_domain = \"novalocal\"",
            "identification = \"address\"",
            "trust_forwarded_for = true",
            "vendordata_providers = [\"StaticJSON\"]",
            r#"vendordata_dynamic_targets = ["echo@http://127.0.0.1:2/echo", "x\"y"]"#,
        ] {
            assert!(toml.lines().any(|said| said == line), "{line} is not in:\n{toml}");
        }
        assert!(!toml.contains("jsonfile"), "there is no static vendor data:\n{toml}");
    }
}
