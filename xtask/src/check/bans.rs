//! Crates that must not come in, and crates of which one version is enough.

use std::collections::BTreeMap;

use crate::metadata::Metadata;

/// Crates that must not come in, each with its reason.
const BANNED: &[(&str, &str)] = &[
    ("native-tls", "TLS is rustls: one implementation, nothing of the machine's"),
    ("openssl", "TLS is rustls: one implementation, nothing of the machine's"),
    ("openssl-sys", "TLS is rustls: one implementation, nothing of the machine's"),
    ("reqwest", "the client in wire keeps the holding rules; a second client would not"),
    ("rustables", "its licence is GPL"),
];

/// Crates whose types or state cross crate borders: with two versions they would not meet.
const SINGLE: &[&str] = &["http", "hyper", "rustls", "tokio"];

/// Finds banned and doubled packages.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }

    let mut findings = Vec::new();
    for (name, reason) in BANNED {
        if versions.contains_key(name) {
            findings.push(format!("{name}{}: {reason}", users_of(metadata, name)));
        }
    }
    for name in SINGLE {
        if let Some(found) = versions.get(name).filter(|found| found.len() > 1) {
            findings.push(format!(
                "{name} is there in versions {}{}",
                found.join(", "),
                users_of(metadata, name)
            ));
        }
    }
    findings
}

fn users_of(metadata: &Metadata, name: &str) -> String {
    let users: Vec<&str> = metadata
        .packages
        .iter()
        .filter(|package| package.uses.iter().any(|used| used.name == name))
        .map(|package| package.name.as_str())
        .collect();
    if users.is_empty() { String::new() } else { format!(" (used by {})", users.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::{foreign, graph, member};

    #[test]
    fn finds_banned_crates_and_names_their_users() {
        let metadata =
            graph(vec![member("innkeeper-wire", &["openssl"], &[]), foreign("openssl", "0.10.0")]);
        assert_eq!(
            check(&metadata),
            [
                "openssl (used by innkeeper-wire): TLS is rustls: one implementation, nothing of the machine's"
            ]
        );
    }

    #[test]
    fn finds_doubled_crates_of_the_list_only() {
        let metadata = graph(vec![
            foreign("http", "0.2.0"),
            foreign("http", "1.0.0"),
            foreign("syn", "1.0.0"),
            foreign("syn", "2.0.0"),
        ]);
        assert_eq!(check(&metadata), ["http is there in versions 0.2.0, 1.0.0"]);
    }
}
