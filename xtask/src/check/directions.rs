//! Which crate may use which.
//!
//! The table keeps knowledge where it belongs: the proxy cannot read a document because it cannot
//! name one. A crate that is not in the table has no row to obey, so it is refused until somebody
//! decides what it may use.

use std::collections::BTreeSet;

use crate::metadata::{Metadata, Package};

/// What a crate may use besides `model`, which everyone may.
enum May {
    /// These only.
    Use(&'static [&'static str]),
    /// Every crate of the product.
    UseAll,
    /// None of the product, not even `model`.
    UseNone,
}

/// One row per crate, by folder name.
const TABLE: &[(&str, May)] = &[
    ("model", May::UseNone),
    ("documents", May::Use(&[])),
    ("store", May::Use(&[])),
    ("wire", May::Use(&[])),
    ("control-api", May::Use(&[])),
    ("image", May::Use(&[])),
    ("config-drive", May::Use(&["documents", "image"])),
    ("hypervisor", May::Use(&["config-drive"])),
    // In the guest, far from everything else.
    ("guest", May::Use(&["image"])),
    ("control", May::Use(&["config-drive", "control-api", "store", "vendor-data", "wire"])),
    ("network-view", May::Use(&["store", "control-api"])),
    ("agent", May::Use(&["wire", "network-view"])),
    ("vendor-data", May::Use(&["documents", "wire"])),
    ("api", May::Use(&["documents", "store", "vendor-data", "wire"])),
    ("proxy", May::Use(&["wire"])),
    ("host", May::Use(&["network-view"])),
    // The binary wires the roles together.
    ("innkeeper", May::UseAll),
    // Around the product: what drives the finished binary from outside knows none of its parts.
    ("lab", May::UseNone),
    // It makes drives in process, beside what others make, and thousands of networks as an operator's
    // program would, since as many commands would take longer than what is measured.
    ("bench", May::Use(&["config-drive", "control-api", "documents", "image", "lab"])),
    ("conformance", May::Use(&["lab"])),
    ("xtask", May::UseNone),
];

/// Finds uses that the table does not allow.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let members: Vec<&Package> = metadata.packages.iter().filter(|p| p.is_member).collect();
    let mut findings = Vec::new();
    for package in &members {
        let name = short(&package.name);
        let Some((_, may)) = TABLE.iter().find(|(row, _)| *row == name) else {
            findings.push(format!(
                "crate {} has no row in the table: decide what it may use",
                package.name
            ));
            continue;
        };
        for used in package.uses.iter().filter(|used| is_member(&members, &used.name)) {
            if used.is_dev_only {
                if reaches(&members, &used.name, &package.name) {
                    findings.push(format!(
                        "the tests of {name} use {}, which is built on {name}: move those tests there",
                        short(&used.name)
                    ));
                }
            } else if !may.use_of(short(&used.name)) {
                findings.push(format!("{name} uses {}; {}", short(&used.name), may.in_words(name)));
            }
        }
    }
    findings
}

impl May {
    fn use_of(&self, other: &str) -> bool {
        match self {
            Self::Use(others) => other == "model" || others.contains(&other),
            Self::UseAll => !["bench", "xtask"].contains(&other),
            Self::UseNone => false,
        }
    }

    fn in_words(&self, name: &str) -> String {
        match self {
            Self::Use([]) => format!("{name} may use model only"),
            Self::Use(others) => format!("{name} may use model, {} only", others.join(", ")),
            Self::UseAll => format!("{name} may use every crate but bench and xtask"),
            Self::UseNone => format!("{name} may use no crate of this workspace"),
        }
    }
}

/// Tests may use what they need, as long as nothing goes round in a circle.
fn reaches(members: &[&Package], from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if !seen.insert(name) {
            continue;
        }
        let package = members.iter().find(|package| package.name == name);
        let uses = package.into_iter().flat_map(|package| &package.uses);
        open.extend(uses.filter(|used| !used.is_dev_only).map(|used| used.name.as_str()));
    }
    false
}

fn is_member(members: &[&Package], name: &str) -> bool {
    members.iter().any(|package| package.name == name)
}

/// A crate's folder name.
fn short(package: &str) -> &str {
    package.strip_prefix("innkeeper-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::{foreign, graph, member};

    #[test]
    fn allows_what_the_table_allows() {
        let metadata = graph(vec![
            member("innkeeper-model", &["serde"], &[]),
            member("innkeeper-wire", &["innkeeper-model"], &[]),
            member("innkeeper-store", &["innkeeper-model"], &[]),
            member("innkeeper-network-view", &["innkeeper-store"], &[]),
            member("innkeeper-agent", &["innkeeper-wire"], &["innkeeper-store"]),
            member("innkeeper", &["innkeeper-agent", "innkeeper-wire"], &[]),
            foreign("serde", "1.0.0"),
        ]);
        assert_eq!(check(&metadata), Vec::<String>::new());
    }

    #[test]
    fn refuses_a_use_against_the_table_and_says_what_is_allowed() {
        let metadata = graph(vec![
            member("innkeeper-model", &["innkeeper-wire"], &[]),
            member("innkeeper-wire", &[], &[]),
            member("innkeeper-store", &[], &[]),
            member("innkeeper-proxy", &["innkeeper-store"], &[]),
        ]);
        assert_eq!(
            check(&metadata),
            [
                "model uses wire; model may use no crate of this workspace",
                "proxy uses store; proxy may use model, wire only",
            ]
        );
    }

    #[test]
    fn refuses_tests_that_go_round_in_a_circle() {
        let metadata = graph(vec![
            member("innkeeper-store", &[], &["innkeeper-agent"]),
            member("innkeeper-network-view", &["innkeeper-store"], &[]),
            member("innkeeper-agent", &["innkeeper-network-view"], &[]),
        ]);
        assert_eq!(
            check(&metadata),
            ["the tests of store use agent, which is built on store: move those tests there"]
        );
    }

    #[test]
    fn refuses_a_crate_nobody_decided_about() {
        let metadata = graph(vec![member("innkeeper-surprise", &[], &[])]);
        assert_eq!(
            check(&metadata),
            ["crate innkeeper-surprise has no row in the table: decide what it may use"]
        );
    }
}
