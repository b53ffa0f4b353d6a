//! What is there, of all that Innkeeper makes: to be the same again after a fault.

use std::{collections::BTreeMap, fmt::Write as _};

use innkeeper_lab::{LabError, Program, wait_until};
use serde_json::Value;

use crate::{
    fault::{links, name, namespaces},
    tenants::PATIENCE,
};

/// By place, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// As it is now. What changes by itself, such as numbers of links, is left out.
    pub(crate) fn take() -> Result<Self, LabError> {
        let mut places = BTreeMap::new();
        for namespace in namespaces()? {
            places.insert(format!("{namespace} links"), described(Some(&namespace))?);
            let words = ["netns", "exec", &namespace, "nft", "list", "ruleset"];
            places.insert(format!("{namespace} rules"), rules(Program::new("ip").run(words)?));
            let key = format!("{namespace} forwarding");
            let words = ["netns", "exec", &namespace, "sysctl", "-n", "net.ipv4.ip_forward"];
            places.insert(key, Program::new("ip").run(words)?);
        }
        places.insert("host links".to_owned(), described(None)?);
        let words = ["list", "ruleset"];
        places.insert("host rules".to_owned(), rules(Program::new("nft").run(words)?));
        Ok(Self(places))
    }

    /// Once it is the same twice.
    pub(crate) fn settled() -> Result<Self, LabError> {
        let mut last = Self::take()?;
        wait_until("everything to be still", PATIENCE, || {
            let Ok(now) = Self::take() else { return false };
            let is_still = now == last;
            last = now;
            is_still
        })?;
        Ok(last)
    }

    /// The error, with what differs from this now.
    pub(crate) fn explain(&self, error: &LabError) -> LabError {
        let mut message = error.to_string();
        match Self::take() {
            Err(error) => message.push_str(&error.to_string()),
            Ok(now) => {
                let places = self.0.keys().chain(now.0.keys());
                for place in places.filter(|place| self.0.get(*place) != now.0.get(*place)) {
                    let (was, is) = (self.0.get(place), now.0.get(place));
                    // Writing to a String cannot fail.
                    let _ = write!(message, "\n{place} was {was:#?}, is {is:#?}");
                }
            }
        }
        LabError::Failed { command: "recovery".to_owned(), message }
    }
}

fn described(namespace: Option<&str>) -> Result<String, LabError> {
    let mut lines = Vec::new();
    for link in links(namespace, "address")? {
        let is_up = link["flags"].as_array().is_some_and(|flags| flags.iter().any(|f| f == "UP"));
        let addresses = link["addr_info"].as_array().cloned().unwrap_or_default();
        let mut addresses: Vec<_> = addresses.iter().filter_map(address).collect();
        addresses.sort_unstable();
        lines.push(format!(
            "{} up={is_up} master={} alias={} {}",
            name(&link),
            link["master"],
            link["ifalias"],
            addresses.join(" ")
        ));
    }
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

/// IPv4 alone: an IPv6 address takes a while to be found unique, and the guests here have none.
fn address(one: &Value) -> Option<String> {
    let address = one["local"].as_str().filter(|_| one["family"] == "inet")?;
    Some(format!("{address}/{}", one["prefixlen"]))
}

/// Without what is counted.
fn rules(listed: String) -> String {
    if !listed.contains("counter packets") {
        return listed;
    }
    let words: Vec<_> = listed.split(' ').collect();
    let is_count = |at: usize| at > 0 && ["packets", "bytes"].contains(&words[at - 1]);
    (0..words.len()).filter(|at| !is_count(*at)).map(|at| words[at]).collect::<Vec<_>>().join(" ")
}
