//! The two ways through a router: by redirection to another port, and by the address itself; in
//! alternation, from the same guest, with what each asks of the kernel.

use std::{
    collections::BTreeMap, fs, fs::File, io::Write, os::fd::AsFd, path::Path, thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use innkeeper_lab::{Guest, METADATA, Sandbox, read_reply};
use innkeeper_model::MetadataPath;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{
    Requests,
    report::{Report, Who, described},
    stage::Stage,
};

/// How the ways are measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    requests: Requests,
}

/// Connections that are held open while the kernel's traces of them are counted.
const HELD: usize = 100;
/// After so long connections that have ended are forgotten: the stage has the kernel do so after one
/// second.
const FORGETTING: Duration = Duration::from_secs(3);
/// For the answer to a guest that may never get one.
const ON_LINK_PATIENCE: Duration = Duration::from_secs(2);

/// What a way asks of the kernel, and whom it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
struct Costs {
    /// Entries of connection tracking that [`HELD`] open connections take.
    tracked: usize,
    /// Whether a guest is answered that takes 169.254.0.0/16 to be on its own link.
    on_link: bool,
}

/// Measures and prints.
pub(crate) fn run(Arguments { mut requests }: Arguments) -> anyhow::Result<()> {
    requests.settle();
    Sandbox::enter()?;
    let stage = Stage::set_up(&crate::innkeeper(requests.innkeeper.as_deref())?)?;
    let version = env!("CARGO_PKG_VERSION");
    let machine = described("cores shared with the load", &format!("innkeeper {version}"));
    let mut report = Report::new(machine);
    let mut costs = BTreeMap::new();
    for round in 1..=requests.rounds {
        for (place, path) in MetadataPath::ALL.into_iter().enumerate() {
            eprintln!("round {round} of {}: {path}", requests.rounds);
            let mut serve = stage.start_by(path)?;
            if round == 1 {
                // Later ones find traces of the load, and a guest that remembers its neighbours.
                costs.insert(path.as_str(), look(&stage)?);
            }
            requests.put_on(stage.guest(), Who { place, name: path.as_str() }, &mut report)?;
            serve.terminate(Duration::from_secs(15))?;
        }
    }
    println!("\n{}\n{}", report.markdown(), markdown(&costs));
    let mut json: serde_json::Value = serde_json::from_str(&report.json()?)?;
    json["costs"] = serde_json::to_value(&costs)?;
    requests.finish(&(serde_json::to_string_pretty(&json)? + "\n"), report.errors())
}

fn markdown(costs: &BTreeMap<&str, Costs>) -> String {
    let mut text = format!(
        "| metadata_path | connection tracking entries of {HELD} open connections | a guest with \
         169.254.0.0/16 on its own link |\n|---|---:|---|\n"
    );
    for path in MetadataPath::ALL {
        if let Some(Costs { tracked, on_link }) = costs.get(path.as_str()) {
            let answered = if *on_link { "answered" } else { "not answered" };
            text += &format!("| {path} | {tracked} | {answered} |\n");
        }
    }
    text
}

fn look(stage: &Stage) -> anyhow::Result<Costs> {
    // Traces of connections that have ended would go while the held ones are counted.
    thread::sleep(FORGETTING);
    let before = tracked(stage.namespace())?;
    let mut held = Vec::with_capacity(HELD);
    for _ in 0..HELD {
        let mut stream = stage.guest().connect_metadata()?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n")?;
        let reply = read_reply(&mut stream)?;
        ensure!(reply.status == 200, "the guest was answered {}", reply.status);
        held.push(stream);
    }
    let tracked = tracked(stage.namespace())?.saturating_sub(before);
    drop(held);
    Ok(Costs { tracked, on_link: is_answered_on_link(stage.guest())? })
}

/// How many connections the kernel tracks in a namespace.
fn tracked(namespace: &str) -> anyhow::Result<usize> {
    let file = File::open(Path::new("/run/netns").join(namespace))?;
    let inside = || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count")
    };
    let count = thread::scope(|scope| scope.spawn(inside).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        .context("ask how many connections are tracked")?;
    Ok(count.trim().parse()?)
}

/// Gives the guest the route that zero configuration gives, in place of the one that DHCP gives.
fn is_answered_on_link(guest: &Guest) -> anyhow::Result<bool> {
    let route = guest.ip("route show 169.254.169.254")?;
    guest.ip("route del 169.254.169.254")?;
    guest.ip("route add 169.254.0.0/16 dev eth0 scope link")?;
    let reply = guest.get_from(METADATA, "/openstack/latest/meta_data.json", ON_LINK_PATIENCE);
    guest.ip("route del 169.254.0.0/16")?;
    guest.ip(&format!("route add {}", route.trim()))?;
    Ok(reply.is_ok_and(|reply| reply.status == 200))
}
