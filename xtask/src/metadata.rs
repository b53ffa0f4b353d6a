//! The dependency graph, as `cargo metadata` tells it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Every package that is built for this kind of machine, and who uses whom.
pub(crate) struct Metadata {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of the graph.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression, if its manifest has one.
    pub(crate) licence: Option<String>,
    /// Where it comes from; none for a path.
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) is_member: bool,
    pub(crate) uses: Vec<Use>,
}

/// A package that another one names as its dependency.
pub(crate) struct Use {
    pub(crate) name: String,
    /// Whether only tests, examples and benches need it.
    pub(crate) is_dev_only: bool,
}

impl Metadata {
    /// Asks cargo. Only packages for the platform this program runs on are named: the others are
    /// never built, nor need they be downloaded.
    pub(crate) fn read() -> Result<Self> {
        let triple = host_triple()?;
        let arguments = [
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--filter-platform",
            triple.as_str(),
        ];
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let text = output_of(Command::new(cargo).args(arguments))?;
        let json = serde_json::from_str(&text).context("read the output of cargo metadata")?;
        Self::parse(&json)
    }

    fn parse(json: &Value) -> Result<Self> {
        let members: BTreeSet<&str> =
            array(json, "workspace_members")?.iter().filter_map(Value::as_str).collect();
        let mut names = BTreeMap::new();
        for package in array(json, "packages")? {
            names.insert(text(package, "id")?, text(package, "name")?);
        }
        let resolve = json.get("resolve").context("cargo metadata has no resolve")?;
        let mut uses = BTreeMap::new();
        for node in array(resolve, "nodes")? {
            uses.insert(text(node, "id")?, uses_of(node, &names)?);
        }

        let mut packages = Vec::new();
        for package in array(json, "packages")? {
            let id = text(package, "id")?;
            packages.push(Package {
                name: text(package, "name")?.to_owned(),
                version: text(package, "version")?.to_owned(),
                licence: optional_text(package, "license"),
                source: optional_text(package, "source"),
                manifest_path: text(package, "manifest_path")?.into(),
                is_member: members.contains(id),
                uses: uses.remove(id).unwrap_or_default(),
            });
        }
        Ok(Self { root: text(json, "workspace_root")?.into(), packages })
    }
}

fn uses_of(node: &Value, names: &BTreeMap<&str, &str>) -> Result<Vec<Use>> {
    let mut uses = Vec::new();
    for dependency in array(node, "deps")? {
        let id = text(dependency, "pkg")?;
        let name =
            names.get(id).with_context(|| format!("cargo metadata names no package {id}"))?;
        let is_dev_only = array(dependency, "dep_kinds")?
            .iter()
            .all(|kind| kind.get("kind").and_then(Value::as_str) == Some("dev"));
        uses.push(Use { name: (*name).to_owned(), is_dev_only });
    }
    Ok(uses)
}

fn host_triple() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    output_of(Command::new(rustc).arg("-vV"))?
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .context("rustc -vV names no host")
}

/// What a command prints; its own words if it fails.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("start {shown}"))?;
    if !output.status.success() {
        bail!("{shown} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("read the output of {shown}"))
}

fn array<'a>(json: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    json.get(key).and_then(Value::as_array).with_context(|| format!("{key} is not an array"))
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str> {
    json.get(key).and_then(Value::as_str).with_context(|| format!("{key} is not a string"))
}

fn optional_text(json: &Value, key: &str) -> Option<String> {
    json.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A workspace member at `/project/<name>` that uses the named packages.
    pub(crate) fn member(name: &str, uses: &[&str], dev_uses: &[&str]) -> Package {
        let normal = uses.iter().map(|name| (name, false));
        let dev = dev_uses.iter().map(|name| (name, true));
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            licence: Some("Apache-2.0".to_owned()),
            source: None,
            manifest_path: format!("/project/{name}/Cargo.toml").into(),
            is_member: true,
            uses: normal
                .chain(dev)
                .map(|(name, is_dev_only)| Use { name: (*name).to_owned(), is_dev_only })
                .collect(),
        }
    }

    /// A package of somebody else's, from crates.io.
    pub(crate) fn foreign(name: &str, version: &str) -> Package {
        Package {
            version: version.to_owned(),
            source: Some("registry+https://github.com/rust-lang/crates.io-index".to_owned()),
            manifest_path: format!("/registry/{name}-{version}/Cargo.toml").into(),
            is_member: false,
            ..member(name, &[], &[])
        }
    }

    /// A graph of these packages, rooted at `/project`.
    pub(crate) fn graph(packages: Vec<Package>) -> Metadata {
        Metadata { root: "/project".into(), packages }
    }

    #[test]
    fn reads_packages_and_kinds_of_use() {
        let json = json!({
            "workspace_root": "/project",
            "workspace_members": ["path#a"],
            "packages": [
                {"id": "path#a", "name": "a", "version": "1.0.0", "license": null,
                 "source": null, "manifest_path": "/project/a/Cargo.toml"},
                {"id": "reg#b", "name": "b", "version": "2.0.0", "license": "MIT",
                 "source": "registry", "manifest_path": "/registry/b/Cargo.toml"},
                {"id": "reg#c", "name": "c", "version": "3.0.0", "license": "MIT",
                 "source": "registry", "manifest_path": "/registry/c/Cargo.toml"},
            ],
            "resolve": {"nodes": [
                {"id": "path#a", "deps": [
                    {"pkg": "reg#b", "dep_kinds": [{"kind": "dev"}]},
                    {"pkg": "reg#c", "dep_kinds": [{"kind": "dev"}, {"kind": null}]},
                ]},
                {"id": "reg#b", "deps": []},
            ]},
        });
        let metadata = Metadata::parse(&json).unwrap();
        let [a, b, _] = metadata.packages.as_slice() else { panic!("three packages") };
        assert!(a.is_member && !b.is_member);
        assert_eq!((a.licence.as_deref(), b.licence.as_deref()), (None, Some("MIT")));
        let uses: Vec<_> = a.uses.iter().map(|u| (u.name.as_str(), u.is_dev_only)).collect();
        assert_eq!(uses, [("b", true), ("c", false)]);
    }

    #[test]
    fn says_which_part_is_not_as_expected() {
        let error = Metadata::parse(&json!({"workspace_members": 1})).err().unwrap();
        assert_eq!(error.to_string(), "workspace_members is not an array");
    }
}
