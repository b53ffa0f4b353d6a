//! Where dependencies come from: crates.io, which keeps what it once had, or this workspace.

use crate::metadata::Metadata;

/// How cargo names crates.io, whichever protocol or mirror it is read through.
const CRATES_IO: &[&str] =
    &["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// Finds packages from elsewhere.
pub(crate) fn check(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let (name, version) = (&package.name, &package.version);
        match package.source.as_deref() {
            Some(source) if CRATES_IO.contains(&source) => {}
            Some(source) => findings.push(format!("{name} {version} comes from {source}")),
            None if package.manifest_path.starts_with(&metadata.root) => {}
            None => findings.push(format!(
                "{name} {version} lies outside the workspace: {}",
                package.manifest_path.display()
            )),
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{
        Package,
        tests::{foreign, graph, member},
    };

    #[test]
    fn finds_git_other_registries_and_paths_outside() {
        let git = "git+https://example.org/x".to_owned();
        let metadata = graph(vec![
            member("inside", &[], &[]),
            foreign("good", "1.0.0"),
            Package { source: Some(git), ..foreign("git", "1.0.0") },
            Package { manifest_path: "/else/Cargo.toml".into(), ..member("outside", &[], &[]) },
        ]);
        assert_eq!(
            check(&metadata),
            [
                "git 1.0.0 comes from git+https://example.org/x",
                "outside 0.1.0 lies outside the workspace: /else/Cargo.toml",
            ]
        );
    }
}
