//! What is on the machine, seen by its own tools.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::Path, process::Output};

use innkeeper_lab::{LabError, Program};
use serde_json::Value;

pub(crate) fn ip(words: &str) -> Result<String, LabError> {
    Program::new("ip").run(words.split_whitespace())
}

/// What is in a namespace, in words.
pub(crate) fn contents(namespace: &str) -> Result<String, LabError> {
    let addresses = ip(&format!("-n {namespace} -oneline address"))?;
    let links = ip(&format!("-n {namespace} -oneline link"))?;
    let rules = ip(&format!("netns exec {namespace} nft list ruleset"))?;
    // Not how long an address is still good for.
    let addresses = addresses.lines().filter_map(|line| line.split('\\').next());
    Ok(addresses.map(str::to_owned).collect::<Vec<_>>().join("\n") + &links + &rules)
}

/// The names of all links of the machine itself.
pub(crate) fn links() -> Result<Vec<String>, LabError> {
    let links = Program::new("ip").json(["-json", "link"])?;
    let name = |link: &Value| link["ifname"].as_str().map(str::to_owned);
    let mut names: Vec<_> = links.as_array().into_iter().flatten().filter_map(name).collect();
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn namespaces() -> Result<Vec<String>, LabError> {
    let mut names = Vec::new();
    for entry in fs::read_dir("/run/netns")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn rules() -> Result<String, LabError> {
    Program::new("nft").run(["list", "ruleset"])
}

pub(crate) fn link_index(name: &str) -> Result<Value, LabError> {
    let link = Program::new("ip").json(["-json", "link", "show", "dev", name])?;
    Ok(link[0]["ifindex"].clone())
}

/// What tells a thing from another of the same name: the inode of a namespace, the number of a link.
pub(crate) fn identities() -> Result<BTreeMap<String, String>, LabError> {
    let mut all = BTreeMap::new();
    let mut add = |prefix: &str, links: &Value| {
        for link in links.as_array().into_iter().flatten() {
            let name = link["ifname"].as_str().unwrap_or_default();
            all.insert(format!("{prefix}{name}"), link["ifindex"].to_string());
        }
    };
    add("", &Program::new("ip").json(["-json", "link"])?);
    let names = namespaces()?;
    for name in names.iter().filter(|name| !name.starts_with("guest-")) {
        add(&format!("{name}/"), &Program::new("ip").json(["-n", name, "-json", "link"])?);
    }
    for name in names {
        let inode = fs::metadata(Path::new("/run/netns").join(&name))?.ino();
        all.insert(name, inode.to_string());
    }
    Ok(all)
}

pub(crate) fn said(output: Output) -> String {
    let all = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}
