//! The rules of a router's namespace, in a table of our own: all that this crate asks of nftables.
//!
//! A guest's request to 169.254.169.254 is sent to the proxy's port, and that port takes
//! nothing but such requests. Forged IPv6 and addresses of the router itself find it shut.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Mutex,
};

use serde_json::{Value, json};

use crate::{HostError, plan::METADATA_ADDRESS};

/// The table, of family inet, that is ours in every router's namespace.
const TABLE: &str = "innkeeper";
/// What guests ask on.
const GUEST_PORT: u16 = 80;
/// Where distributions put nft; an ordinary user's PATH often has neither.
const USUAL_PLACES: [&str; 2] = ["/usr/sbin/nft", "/sbin/nft"];

/// The metadata rules, and the program that sets them.
#[derive(Debug)]
pub(crate) struct MetadataRules {
    program: Option<PathBuf>,
    wanted: Vec<Value>,
    /// How this nft lists the rules after it set them: a version may write them otherwise.
    as_listed: Mutex<Option<Vec<Value>>>,
}

impl MetadataRules {
    /// The rules that lead to `port`, set by `program` or the nft that is installed.
    pub(crate) fn new(port: u16, program: Option<PathBuf>) -> Self {
        Self { program, wanted: wanted(port), as_listed: Mutex::new(None) }
    }

    /// Sets the rules in the calling thread's namespace, in one transaction, unless they are there;
    /// true if they were not.
    pub(crate) fn ensure(&self) -> Result<bool, HostError> {
        let found = self.list()?;
        if found.as_ref().is_some_and(|found| *found == self.wanted || self.is_as_listed(found)) {
            return Ok(false);
        }
        self.replace()?;
        *self.lock() = self.list()?;
        Ok(true)
    }

    /// Removes the table from the calling thread's namespace; true if it was there.
    pub(crate) fn remove(&self) -> Result<bool, HostError> {
        if self.list()?.is_none() {
            return Ok(false);
        }
        let commands = json!({"nftables": [{"delete": table()}]});
        self.run(&["-j", "-f", "-"], &commands.to_string(), "remove the metadata rules")?;
        Ok(true)
    }

    /// The objects of our table, without what differs from one to the next; `None` if it is absent.
    fn list(&self) -> Result<Option<Vec<Value>>, HostError> {
        let doing = "list the metadata rules";
        let listing = ["-j", "list", "table", "inet", TABLE];
        let output = self.spawn(&listing, "")?;
        if !output.status.success() {
            let answer = String::from_utf8_lossy(&output.stderr);
            // nft has no exit status of its own for this.
            return match answer.contains("No such file or directory") {
                true => Ok(None),
                false => Err(HostError::Nft { doing, answer: answer.trim().to_owned() }),
            };
        }
        let unreadable =
            |answer: String| HostError::Nft { doing, answer: format!("unreadable: {answer}") };
        let answer: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| unreadable(error.to_string()))?;
        let objects = answer.get("nftables").and_then(Value::as_array);
        let objects = objects.ok_or_else(|| unreadable("no list of objects".to_owned()))?;
        let ours = objects.iter().filter(|object| object.get("metainfo").is_none());
        Ok(Some(ours.cloned().map(without_handle).collect()))
    }

    fn replace(&self) -> Result<(), HostError> {
        // Adding first lets the removal succeed whether or not the table was there.
        let mut commands = vec![json!({"add": table()}), json!({"delete": table()})];
        commands.extend(self.wanted.iter().map(|object| json!({"add": object})));
        let commands = json!({"nftables": commands});
        self.run(&["-j", "-f", "-"], &commands.to_string(), "set the metadata rules")
    }

    fn run(&self, arguments: &[&str], input: &str, doing: &'static str) -> Result<(), HostError> {
        let output = self.spawn(arguments, input)?;
        if output.status.success() {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(HostError::Nft { doing, answer })
    }

    fn spawn(&self, arguments: &[&str], input: &str) -> Result<Output, HostError> {
        match &self.program {
            Some(program) => spawn(program, arguments, input),
            None => {
                let mut output = spawn(Path::new("nft"), arguments, input);
                for place in USUAL_PLACES {
                    if matches!(output, Err(HostError::NftMissing)) {
                        output = spawn(Path::new(place), arguments, input);
                    }
                }
                output
            }
        }
    }

    fn is_as_listed(&self, found: &[Value]) -> bool {
        self.lock().as_deref() == Some(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Value>>> {
        self.as_listed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn spawn(program: &Path, arguments: &[&str], input: &str) -> Result<Output, HostError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => HostError::NftMissing,
        _ => HostError::system(format_args!("run {}", program.display()), error),
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // It gave up before it read all: its answer says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.map_err(failed)?,
        }
    }
    child.wait_with_output().map_err(failed)
}

fn table() -> Value {
    json!({"table": {"family": "inet", "name": TABLE}})
}

/// The table's objects, in the order and form in which nft lists them.
fn wanted(port: u16) -> Vec<Value> {
    let chain = |name: &str, kind: &str, priority: i32| {
        json!({"chain": {
            "family": "inet", "table": TABLE, "name": name, "type": kind, "hook": name,
            "prio": priority, "policy": "accept",
        }})
    };
    let rule = |chain: &str, expressions: Value| json!({"rule": {"family": "inet", "table": TABLE, "chain": chain, "expr": expressions}});
    let interface = |operator: &str, name: &str| json!({"match": {"op": operator, "left": {"meta": {"key": "iifname"}}, "right": name}});
    let field = |protocol: &str, field: &str, value: Value| {
        let payload = json!({"payload": {"protocol": protocol, "field": field}});
        json!({"match": {"op": "==", "left": payload, "right": value}})
    };
    let redirected =
        json!({"match": {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"}});
    let to_proxy = field("tcp", "dport", json!(port));
    vec![
        table(),
        chain("prerouting", "nat", -100),
        chain("input", "filter", 0),
        rule(
            "prerouting",
            json!([
                interface("==", "qr-*"),
                field("ip", "daddr", json!(METADATA_ADDRESS)),
                field("tcp", "dport", json!(GUEST_PORT)),
                {"redirect": {"port": port}},
            ]),
        ),
        rule("input", json!([to_proxy, redirected, {"accept": null}])),
        rule("input", json!([interface("!=", "lo"), to_proxy, {"drop": null}])),
    ]
}

fn without_handle(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        for (_, content) in object.iter_mut() {
            if let Some(content) = content.as_object_mut() {
                content.shift_remove("handle");
            }
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_nft_says_what_to_install() {
        let rules = MetadataRules::new(9697, Some(PathBuf::from("/nonexistent/nft")));
        let error = rules.ensure().unwrap_err().to_string();
        assert!(error.contains("install the package nftables"), "{error}");
    }

    #[test]
    fn handles_do_not_count() {
        let listed = json!({"rule": {"chain": "input", "handle": 5, "expr": []}});
        assert_eq!(without_handle(listed), json!({"rule": {"chain": "input", "expr": []}}));
    }
}
