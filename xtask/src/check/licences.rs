//! Licences of dependencies: an allow-list, as everything else would need a lawyer first.

use crate::{metadata::Metadata, spdx::Expression};

/// Licences that ask for no more than notices in what we ship under Apache-2.0.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Finds packages whose licence is missing, unreadable or not accepted.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let (name, version) = (&package.name, &package.version);
        let Some(text) = &package.licence else {
            findings.push(format!("{name} {version} states no licence"));
            continue;
        };
        match Expression::parse(text) {
            Ok(expression) if expression.is_met_by(ACCEPTED) => {}
            Ok(_) => findings.push(format!("{name} {version}: {text} is not accepted")),
            Err(why) => findings.push(format!("{name} {version}: cannot read `{text}`: {why}")),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{
        Package,
        tests::{foreign, graph},
    };

    fn licensed(licence: Option<&str>) -> Package {
        Package { licence: licence.map(str::to_owned), ..foreign("x", "1.0.0") }
    }

    #[test]
    fn finds_what_is_missing_unreadable_or_not_accepted() {
        let metadata = graph(vec![
            licensed(Some("(MIT OR Apache-2.0) AND Unicode-3.0")),
            licensed(Some("GPL-3.0-only")),
            licensed(Some("MIT OR")),
            licensed(None),
        ]);
        assert_eq!(
            check(&metadata),
            [
                "x 1.0.0: GPL-3.0-only is not accepted",
                "x 1.0.0: cannot read `MIT OR`: it ends where a licence should follow",
                "x 1.0.0 states no licence",
            ]
        );
    }
}
