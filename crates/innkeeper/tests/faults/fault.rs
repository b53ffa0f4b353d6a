//! What can go wrong, or be done by somebody's hand.

use std::fs;

use innkeeper_lab::{LabError, Program};
use serde_json::Value;

use crate::chance::Chance;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Namespace,
    NamespaceRules,
    HostRules,
    Address,
    MetadataAddress,
    Link,
    LinkDown,
    BridgeDown,
    Unplugged,
    Forwarding,
    Kill,
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A command, word by word.
    Command(String),
    /// The program is killed, and started again.
    Kill,
}

impl Fault {
    /// Every kind.
    pub(crate) const KINDS: &[Kind] = &[
        Kind::Namespace,
        Kind::NamespaceRules,
        Kind::Kill,
        Kind::Address,
        Kind::Link,
        Kind::HostRules,
        Kind::MetadataAddress,
        Kind::LinkDown,
        Kind::BridgeDown,
        Kind::Unplugged,
        Kind::Forwarding,
    ];

    /// One of this kind, of what is there now.
    pub(crate) fn choose(kind: Kind, chance: &mut Chance) -> Result<Self, LabError> {
        let candidates = match kind {
            Kind::Kill => return Ok(Self::Kill),
            Kind::HostRules => vec!["nft delete table bridge innkeeper".to_owned()],
            Kind::Namespace => named(|_| true, |name| format!("ip netns delete {name}"))?,
            Kind::NamespaceRules => {
                named(is_router, |name| format!("ip netns exec {name} nft flush ruleset"))?
            }
            Kind::Forwarding => named(is_router, |name| {
                format!("ip netns exec {name} sysctl -q -w net.ipv4.ip_forward=0")
            })?,
            Kind::Address => addresses(|address| !address.starts_with("169.254."))?,
            Kind::MetadataAddress => addresses(|address| address.starts_with("169.254."))?,
            Kind::Link => interfaces("delete dev", "")?,
            Kind::LinkDown => interfaces("set dev", "down")?,
            Kind::BridgeDown => host_links(is_bridge, "down")?,
            Kind::Unplugged => host_links(is_our_end, "nomaster")?,
        };
        let chosen = chance.pick(&candidates).cloned();
        chosen.map(Self::Command).ok_or_else(|| LabError::Failed {
            command: format!("look for a {kind:?} to break"),
            message: "there is none".to_owned(),
        })
    }

    /// Lets it happen.
    pub(crate) fn strike(&self) -> Result<(), LabError> {
        let Self::Command(words) = self else { return Ok(()) };
        let (program, arguments) = words.split_once(' ').unwrap_or((words, ""));
        Program::new(program).run(arguments.split_whitespace()).map(|_| ())
    }
}

fn is_router(namespace: &str) -> bool {
    namespace.starts_with("qrouter-")
}

fn is_bridge(link: &Value) -> bool {
    name(link).starts_with("brq")
}

/// Not a guest's end: those are plugged in by the test.
fn is_our_end(link: &Value) -> bool {
    let alias = link["ifalias"].as_str().unwrap_or_default();
    link["master"].is_string() && alias.starts_with("innkeeper:")
}

/// The namespaces of routers and networks, sorted.
pub(crate) fn namespaces() -> Result<Vec<String>, LabError> {
    let mut names = Vec::new();
    for entry in fs::read_dir("/run/netns")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("qrouter-") || name.starts_with("qdhcp-") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What `ip` says in JSON, in a namespace or in none.
pub(crate) fn links(namespace: Option<&str>, what: &str) -> Result<Vec<Value>, LabError> {
    let inside = namespace.map(|name| ["-n", name]).into_iter().flatten();
    let words = inside.chain(["-json", "-details", what, "show"]);
    let listed = Program::new("ip").json(words)?;
    Ok(listed.as_array().cloned().unwrap_or_default())
}

pub(crate) fn name(link: &Value) -> &str {
    link["ifname"].as_str().unwrap_or_default()
}

fn named(
    wanted: impl Fn(&str) -> bool,
    command: impl Fn(&str) -> String,
) -> Result<Vec<String>, LabError> {
    let names = namespaces()?;
    Ok(names.iter().filter(|name| wanted(name)).map(|name| command(name)).collect())
}

fn addresses(wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, LabError> {
    let mut commands = Vec::new();
    for namespace in namespaces()? {
        for link in links(Some(&namespace), "address")? {
            let device = name(&link).to_owned();
            let all = link["addr_info"].as_array().cloned().unwrap_or_default();
            for one in all.iter().filter(|one| one["family"] == "inet" && device != "lo") {
                let address = one["local"].as_str().unwrap_or_default();
                if wanted(address) {
                    let prefix = &one["prefixlen"];
                    commands.push(format!(
                        "ip -n {namespace} address delete {address}/{prefix} dev {device}"
                    ));
                }
            }
        }
    }
    Ok(commands)
}

fn interfaces(before: &str, after: &str) -> Result<Vec<String>, LabError> {
    let mut commands = Vec::new();
    for namespace in namespaces()? {
        for link in links(Some(&namespace), "link")? {
            if name(&link) != "lo" {
                let device = name(&link);
                commands.push(format!("ip -n {namespace} link {before} {device} {after}"));
            }
        }
    }
    Ok(commands)
}

fn host_links(wanted: impl Fn(&Value) -> bool, after: &str) -> Result<Vec<String>, LabError> {
    let links = links(None, "link")?;
    let wanted = links.iter().filter(|link| wanted(link));
    Ok(wanted.map(|link| format!("ip link set dev {} {after}", name(link))).collect())
}
