//! The stage: a router, the guests behind it, and what they are answered.

use std::{
    collections::BTreeMap, fmt::Write as _, fs, net::Ipv4Addr, path::Path, process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Guest, World, await_link, wait_for};

use super::{
    crawl::BOOT,
    operator::{Operator, PROJECT},
};

/// Room for every guest of a boot storm.
const RANGE: &str = "10.0.0.0/16";
/// The router's address in it.
const ROUTER: &str = "10.0.0.1";
/// Of the guests' end: neither a port's own nor like it, so that no rule of a port's tap is meant.
const GUESTS_MAC: &str = "02:00:00:00:00:02";
/// The guests' plug in the bridge; not a tap's name, since behind a tap is one port.
const PLUG: &str = "guests0";
/// For the host to make what is asked of it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a service may take to end.
pub(super) const END: Duration = Duration::from_secs(30);

/// What a guest is answered to one path.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// The networks, the guests, and the bytes they are answered.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) world: World,
    /// One namespace that has all guests' addresses. What asks without saying from where asks from
    /// the first.
    pub(super) guests: Guest,
    pub(super) addresses: Vec<Ipv4Addr>,
    /// The router's namespace.
    pub(super) namespace: String,
    /// What the first guest is answered to the requests of a boot.
    pub(super) answers: BTreeMap<&'static str, Answer>,
}

impl Stage {
    /// Makes a router with `count` guests behind it, and `others` that are somewhere else.
    pub(super) fn set_up(innkeeper: &Path, count: usize, others: usize) -> anyhow::Result<Self> {
        let world = World::new(innkeeper)?;
        let mut serve = world.serve()?;
        world.tenant(PROJECT, RANGE)?;
        let router = world.query(PROJECT, "router create edge --subnet lan")?;
        let router = router.pointer("/id").and_then(serde_json::Value::as_str);
        let namespace = format!("qrouter-{}", router.context("the router has no id")?);
        let operator = Operator::new(&world.directory().join("control.sock"))?;
        operator.make_key_pair()?;
        let network = operator.network()?;
        operator.make_others(others)?;
        let addresses = operator.make_guests(network, count)?;
        let bridge = format!("brq{}", network.to_string().chars().take(11).collect::<String>());
        await_link(&bridge)?;
        let guests = plug_in(&bridge, &addresses)?;
        know_each_other(&namespace, &addresses, world.directory())?;
        world.await_answer(&guests)?;
        // By now the rules that track connections are there.
        spare_the_kernel(&namespace, &guests)?;
        let answers = answers(&guests)?;
        serve.terminate(END)?;
        Ok(Self { world, guests, addresses, namespace, answers })
    }
}

/// One namespace for all guests: for those who answer them, only their addresses are different.
fn plug_in(bridge: &str, addresses: &[Ipv4Addr]) -> anyhow::Result<Guest> {
    let guests = Guest::on_bridge("all", bridge, PLUG, GUESTS_MAC)?;
    let mut batch = String::new();
    for address in addresses {
        let _ = writeln!(batch, "address add {address}/16 dev eth0");
    }
    let _ = writeln!(batch, "route add 169.254.169.254 via {ROUTER}");
    let file = Path::new("/run/guests.batch");
    fs::write(file, batch)?;
    guests.ip(&format!("-batch {}", file.display()))?;
    Ok(guests)
}

/// The kernel's table of neighbours is one for all namespaces and full at 1,024 learnt entries by
/// default, which a host with as many guests would have raised; what is entered by hand does not
/// count.
fn know_each_other(
    namespace: &str,
    addresses: &[Ipv4Addr],
    directory: &Path,
) -> anyhow::Result<()> {
    let inner = wait_for("the router's interface", PATIENCE, || inner_link(namespace))?;
    let mut batch = String::new();
    for address in addresses {
        let _ = writeln!(
            batch,
            "neighbour replace {address} lladdr {GUESTS_MAC} dev {inner} nud permanent"
        );
    }
    let file = directory.join("neighbours.batch");
    fs::write(&file, batch)?;
    ip(&["-n", namespace, "-batch", &file.to_string_lossy()]).map(|_| ())
}

/// The router's link on the guests' side, as soon as the host has made it.
fn inner_link(namespace: &str) -> Option<String> {
    let links = ip(&["-n", namespace, "-o", "link", "show"]).ok()?;
    let names = links.lines().filter_map(|line| line.split(": ").nth(1));
    let mut names = names.map(|name| name.split('@').next().unwrap_or(name));
    names.find(|name| name.starts_with("qr-")).map(str::to_owned)
}

/// Thousands of connections a second leave as many traces in the kernel; both sides forget them
/// soon, for every contender alike, so that none runs out of ports or of connection tracking.
fn spare_the_kernel(namespace: &str, guests: &Guest) -> anyhow::Result<()> {
    for (namespace, setting) in [
        (namespace, "net.netfilter.nf_conntrack_tcp_timeout_time_wait=1"),
        (&guests.namespace(), "net.ipv4.ip_local_port_range=1024 65535"),
    ] {
        ip(&["netns", "exec", namespace, "sysctl", "-qw", setting])?;
    }
    Ok(())
}

fn answers(guests: &Guest) -> anyhow::Result<BTreeMap<&'static str, Answer>> {
    let mut answers = BTreeMap::new();
    for path in BOOT {
        let reply = guests.get(path)?;
        ensure!(reply.status == 200, "the guest was answered {} to {path}", reply.status);
        let content_type = reply.header("content-type").unwrap_or("text/plain").to_owned();
        answers.insert(path, Answer { content_type, body: reply.body });
    }
    Ok(answers)
}

fn ip(words: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("ip").args(words).output().context("run ip")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", words.join(" "), said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
