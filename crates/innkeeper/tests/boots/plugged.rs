//! Machines whose cards are on taps that Innkeeper plugged in.

use std::{panic::resume_unwind, thread};

use innkeeper_lab::{
    Brought, GuestImages, LabError, Machine, Process, Report, World, inside, isolated,
};
use serde_json::Value;

use crate::{tenants::world, tiny_machine::TinyMachine};

/// What the tiny guest can run: takes an address by DHCP, and asks for its documents.
const FUNCTIONS: &str = r#"
# Arguments: the first word of what is reported, further arguments of udhcpc.
dhcp() {
    what=$1
    shift
    udhcpc -i eth0 -f -q -n -t 10 -T 1 -s /guest/dhcp "$@" 2>&1 | sed "s/^/udhcpc /"
    ip -4 -oneline address show dev eth0 | sed "s/^/$what-address /"
    ip -4 route | sed "s/^/$what-route /"
}
# Arguments: the first word of what is reported, the address.
ask() {
    tries=0
    # Given up only after the time that a fresh address takes to be found unique.
    until timeout 5 wget -q -O /tmp/answer "http://$2/openstack/latest/meta_data.json" 2>/tmp/said; do
        tries=$((tries + 1))
        if [ $tries -ge 15 ]; then
            echo "$1-refused $(tr '\n' ' ' </tmp/said)"
            return 0
        fi
        sleep 1
    done
    echo "$1 $(tr -d '\n' </tmp/answer)"
}
"#;

/// Runs a test's body in a lab of its own, where the tiny guest can be booted.
pub(crate) fn with_tiny_guests(body: impl FnOnce() -> Result<(), LabError>) {
    if !inside() {
        // Making it takes packages from the network, which is not in reach inside.
        GuestImages::kept().tiny().unwrap_or_else(|error| panic!("{error}"));
    }
    isolated(body);
}

/// A world, serving.
pub(crate) fn serving() -> Result<(World, Process), LabError> {
    let world = world()?;
    let process = world.serve()?;
    Ok((world, process))
}

/// Boots the tiny guest as `machine`: its report.
pub(crate) fn boot(world: &World, machine: &Machine, script: &str) -> Result<Report, LabError> {
    let tap = world.tap(machine)?;
    let tiny = TinyMachine::running(&format!("{FUNCTIONS}{script}"), vec![Brought::dhcp_script()]);
    Ok(tiny.tap(&tap, &machine.mac).boot().report)
}

/// Boots several at once.
pub(crate) fn boot_all(
    world: &World,
    machines: &[&Machine],
    script: &str,
) -> Result<Vec<Report>, LabError> {
    thread::scope(|scope| {
        let mut booting = Vec::new();
        for &machine in machines {
            booting.push(scope.spawn(move || boot(world, machine, script)));
        }
        let joined = booting.into_iter().map(|one| one.join().unwrap_or_else(|e| resume_unwind(e)));
        joined.collect()
    })
}

/// Asserts that what is reported by this word is the machine's own document, each time.
pub(crate) fn assert_own(report: &Report, word: &str, machine: &Machine) {
    let said = report.lines().join("\n");
    let answers = report.all(word);
    assert!(!answers.is_empty(), "{} was not answered: {said}", machine.name);
    for answer in answers {
        let document: Value = serde_json::from_str(answer).unwrap_or_else(|error| {
            panic!("{} got what is no document ({error}): {said}", machine.name)
        });
        assert_eq!(document["uuid"], machine.id, "{} got another's: {said}", machine.name);
        assert_eq!(document["project_id"], machine.project, "{said}");
    }
}
