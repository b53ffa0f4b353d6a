//! `innkeeper demo`: the whole path on this machine, in namespaces of its own.
//!
//! Two tenants have the same address range, one behind a router, one on a network without; a guest
//! of each asks 169.254.169.254 and must get its own document and nothing of the other's.

mod tenant;
mod trail;

use std::{env, fs, io, io::Write, time::Duration, time::Instant};

use anyhow::{Context, ensure};
use innkeeper_lab::{LabError, Sandbox, World, wait_for};

use self::{tenant::Tenant, trail::Trail};

/// The documents that each guest reads.
const DOCUMENTS: [&str; 4] = [
    "/openstack/latest/meta_data.json",
    "/openstack/latest/network_data.json",
    "/openstack/latest/user_data",
    "/latest/meta-data/instance-id",
];

/// Runs the demo; prints what happens; fails if a guest got anything but its own.
pub(crate) fn run() -> anyhow::Result<()> {
    Sandbox::enter().context("the demo needs network namespaces of its own")?;
    match show() {
        // A reader that has read enough, such as `head`, is no failure.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        shown => shown,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
}

fn show() -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Two tenants, one address range, one process: who gets which document?")?;
    writeln!(out, "All of it happens in private namespaces and is gone when this program ends.\n")?;

    let started = Instant::now();
    let world = World::new(&env::current_exe()?)?;
    let mut serve = world.serve()?;
    writeln!(out, "$ innkeeper serve    # ready after {} ms", started.elapsed().as_millis())?;

    let user_data = world.directory().join("cloud.yaml");
    fs::write(&user_data, "#cloud-config\npackages: [nginx]\n")?;
    let red = Tenant::behind_router(&world, &mut out, "red")?;
    let blue = Tenant::isolated(&world, &mut out, "blue")?;

    for (tenant, other) in [(&red, &blue), (&blue, &red)] {
        visit(&mut out, &serve.log(), tenant, other, || serve.log())?;
    }
    serve.terminate(Duration::from_secs(15))?;
    writeln!(out, "\nEach guest got its own documents and only its own. Nothing is left behind.")?;
    Ok(())
}

/// Lets one guest read its documents and shows each hop's time.
fn visit(
    out: &mut impl Write,
    log_before: &str,
    tenant: &Tenant,
    other: &Tenant,
    log: impl Fn() -> String,
) -> anyhow::Result<()> {
    tenant.await_answer()?;
    writeln!(out, "\n{}", tenant.describe())?;
    let seen = log_before.lines().count();
    for path in DOCUMENTS {
        let before = log().lines().count().max(seen);
        let reply = tenant.guest.get(path)?;
        let text = reply.text();
        ensure!(reply.status == 200, "{path} was answered {}: {text}", reply.status);
        ensure!(!text.contains(&other.machine.id), "{path} names the other tenant's machine");
        let trail = await_trail(path, before, &log)?;
        writeln!(out, "  GET {path}")?;
        for hop in trail.hops() {
            writeln!(out, "      {hop}")?;
        }
        if path == DOCUMENTS[0] {
            let document = reply.json()?;
            ensure!(document["uuid"] == tenant.machine.id.as_str(), "not its own: {text}");
            let hostname = document["hostname"].as_str().unwrap_or_default();
            writeln!(out, "      200: hostname {hostname}, uuid {}", tenant.machine.id)?;
        } else {
            let first_line = text.lines().next().unwrap_or_default();
            let shown: String = first_line.chars().take(72).collect();
            writeln!(out, "      200: {shown}")?;
        }
    }
    Ok(())
}

/// The log line of the request is written after its answer: wait for it.
fn await_trail(path: &str, before: usize, log: impl Fn() -> String) -> Result<Trail, LabError> {
    wait_for("the log line of the request", Duration::from_secs(5), || {
        log().lines().skip(before).find_map(|line| Trail::read(line, path))
    })
}
