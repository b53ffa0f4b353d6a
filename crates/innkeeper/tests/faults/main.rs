//! Fifty guests of several tenants, all with the same addresses, poll without a pause; meanwhile, for a
//! minute, what serves them is broken at random: namespaces, rules, addresses and links are removed,
//! the program is killed and started again.
//!
//! After each fault everything is back and every guest is served within the bound, and none is ever
//! served another's document. It takes more than a minute, so `./x test` runs it at the end. With
//! `LAB_SEED` it breaks things in the order of an earlier run, which said its seed.

#![allow(clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "the seed and what was done belong to the test's report")]

mod chance;
mod fault;
mod guests;
mod snapshot;

#[path = "../tenants/mod.rs"]
mod tenants;

use std::time::{Duration, Instant};

use innkeeper_lab::{LabError, Process, World, isolated, wait_until};

use chance::Chance;
use fault::Fault;
use guests::Guests;
use snapshot::Snapshot;
use tenants::{PATIENCE, world};

/// How long things are broken.
const TIME: Duration = Duration::from_secs(60);

/// From a fault to everything's being back and everybody's being served.
const BOUND: Duration = Duration::from_secs(5);

/// A request that got nowhere when the fault struck is given up and begun again.
const SLACK: Duration = guests::REQUEST_TIME;

const TENANTS: usize = 5;
const MACHINES_PER_NETWORK: usize = 5;

#[test]
fn everybody_is_served_again_after_each_fault_and_nobody_another_s_document() {
    let chance = Chance::from_environment();
    isolated(|| {
        let world = world()?;
        let mut serving = Some(world.serve()?);
        let guests = Guests::plug_in(&world, TENANTS, MACHINES_PER_NETWORK)?;
        guests.while_polling(|| break_things(&world, &mut serving, &guests, chance))
    });
}

fn break_things(
    world: &World,
    serving: &mut Option<Process>,
    guests: &Guests,
    mut chance: Chance,
) -> Result<(), LabError> {
    eprintln!("LAB_SEED={}", chance.seed());
    guests.await_served_since(Instant::now(), PATIENCE, "the beginning")?;
    let whole = Snapshot::settled()?;
    let begun = Instant::now();
    let mut slowest = (Duration::ZERO, "nothing".to_owned());
    let mut count = 0;
    while begun.elapsed() < TIME {
        // Each kind in its turn, so that a minute has them all.
        let kind = Fault::KINDS[count % Fault::KINDS.len()];
        count += 1;
        let fault = Fault::choose(kind, &mut chance)?;
        let struck = Instant::now();
        let extra = match &fault {
            Fault::Kill => restart(world, serving)?,
            other => other.strike().map(|()| Duration::ZERO)?,
        };
        let limit = BOUND + extra + SLACK;
        let what = format!("fault {count}, {fault:?} (seed {})", chance.seed());
        wait_until(&format!("everything to be back after {what}"), limit, || {
            Snapshot::take().is_ok_and(|now| now == whole)
        })
        .map_err(|error| whole.explain(&error))?;
        // Only now: until its last connection is closed, a namespace that was removed still answers.
        let left = limit.saturating_sub(struck.elapsed());
        guests.await_served_since(Instant::now(), left, &what)?;
        let took = struck.elapsed().saturating_sub(extra);
        eprintln!("{count}: {fault:?}: {} ms", took.as_millis());
        if took > slowest.0 {
            slowest = (took, format!("{fault:?}"));
        }
    }
    let answered = guests.answered();
    eprintln!("{count} faults, {answered} answers; slowest to recover: {slowest:?}");
    assert!(count >= Fault::KINDS.len(), "there was time for {count} faults only");
    Ok(())
}

/// Kills the program and starts it again: how long that took to answer its operator.
fn restart(world: &World, serving: &mut Option<Process>) -> Result<Duration, LabError> {
    if let Some(process) = serving.take() {
        process.kill()?;
    }
    let started = Instant::now();
    *serving = Some(world.serve()?);
    Ok(started.elapsed())
}
