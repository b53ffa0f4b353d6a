//! After an end at any moment, and after what somebody removed, everything is as it was; with too few
//! descriptors, those who are served stay served.

use std::time::{Duration, Instant};

use innkeeper_lab::{LabError, METADATA, World, isolated, wait_until};
use serde_json::Value;

use crate::{
    BOUND,
    look::{contents, identities, ip},
    tenants::{META_DATA, PATIENCE, Plugged, isolated_tenant, routed_tenant, world},
};

#[test]
fn what_a_killed_one_left_is_taken_over_as_it_is() {
    isolated(|| {
        let world = world()?;
        let serving = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        let tapped = world.machine("red", "web2", "lan")?;
        let tap = world.tap(&tapped)?;
        for tenant in [&red, &blue] {
            tenant.assert_knows_itself()?;
        }
        let before = identities()?;
        assert!(before.contains_key(&tap), "{before:?}");
        serving.kill()?;
        let started = Instant::now();
        let _serving = world.serve()?;
        let bound = started.elapsed() + BOUND;
        for tenant in [&red, &blue] {
            await_served(tenant, bound)?;
        }
        assert_nothing_to_do(&world)?;
        assert_eq!(identities()?, before, "something was made anew");
        Ok(())
    });
}

#[test]
fn what_is_removed_is_back_and_what_is_made_is_there_at_once() {
    isolated(|| {
        let world = world()?;
        let _serving = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let router = world.query("red", "router show edge")?;
        let router = format!("qrouter-{}", router["id"].as_str().expect("an id"));
        match ip(&format!("netns delete {router}")) {
            // ip unmounts it and then removes its file: in between Innkeeper may have seen that it
            // is gone, and be there again.
            Err(error) if error.to_string().contains("Device or resource busy") => {}
            done => drop(done?),
        }
        let removed = Instant::now();
        // Until its last connection is closed, what was removed still answers.
        wait_until("the router's namespace", BOUND, || contents(&router).is_ok())?;
        await_served(&red, BOUND.saturating_sub(removed.elapsed()))?;

        world.operator("red", "network create more --subnet 10.7.0.0/24")?;
        let made = Instant::now();
        let network = world.query("red", "network show more")?;
        let namespace = format!("qdhcp-{}", network["id"].as_str().expect("an id"));
        wait_until("a network that is new", Duration::from_secs(2), || {
            contents(&namespace).is_ok_and(|now| now.contains("10.7.0."))
        })?;
        let took = made.elapsed();
        // A second, and what it takes to look.
        assert!(took < Duration::from_millis(1_500), "it took {took:?}");
        Ok(())
    });
}

#[test]
fn with_too_few_descriptors_those_who_are_served_stay_served() {
    isolated(|| {
        let world = world()?;
        let limited =
            world.program().by_way_of("prlimit", [format!("--nofile={FEW_FILES}:{FEW_FILES}")]);
        let log = world.directory().join("serve.log");
        let mut serving = limited.start(["serve"], &log)?;
        wait_until("the control API", PATIENCE, || {
            world.program().run(["project", "list"]).is_ok()
        })?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        for number in 0..MANY_NETWORKS {
            let words = format!("network create n{number} --subnet 10.0.0.0/24");
            world.operator("red", &words)?;
            red.assert_knows_itself()?;
        }
        wait_until("it to say which limit to raise", PATIENCE, || {
            let said = serving.log().to_lowercase();
            ["nofile", "limitnofile", "ulimit -n"].iter().any(|word| said.contains(word))
        })?;
        assert!(serving.is_running(), "{}", serving.log());
        red.assert_knows_itself()
    });
}

fn await_served(tenant: &Plugged, bound: Duration) -> Result<(), LabError> {
    let began = Instant::now();
    let short = Duration::from_secs(1);
    let served = || {
        let from = METADATA;
        tenant.guest.get_from(from, META_DATA, short).is_ok_and(|reply| reply.status == 200)
    };
    wait_until("a guest to be served again", bound + short, served)?;
    assert!(began.elapsed() < bound + short, "served after {:?}", began.elapsed());
    tenant.assert_knows_itself()
}

#[test]
fn without_capabilities_it_says_which_it_needs() {
    isolated(|| {
        let world = world()?;
        let bare = world.program().by_way_of("setpriv", ["--bounding-set=-all"]);
        let log = world.directory().join("bare.log");
        let mut serving = bare.start(["serve"], &log)?;
        wait_until("the operator to be answered", PATIENCE, || {
            world.program().run(["network", "list"]).is_ok()
        })?;
        world.program().run(["network", "create", "lan", "--subnet", "10.0.0.0/24"])?;
        let network = world.program().json(["network", "show", "lan", "--output", "json"])?;
        let namespace = format!("qdhcp-{}", network["id"].as_str().expect("an id"));
        wait_until("the log to say what is needed", PATIENCE, || {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            said.contains("the host role needs CAP_NET_ADMIN, CAP_NET_BROADCAST and CAP_SYS_ADMIN: run it as root")
        })?;
        assert!(serving.is_running(), "it ended: {}", serving.log());
        serving.terminate(PATIENCE)?;
        let _serving = world.serve()?;
        wait_until("the network, with capabilities", PATIENCE, || contents(&namespace).is_ok())
    });
}

fn assert_nothing_to_do(world: &World) -> Result<(), LabError> {
    let mut last = Value::Null;
    wait_until("a plan of nothing", PATIENCE, || {
        last = world.program().json(["host", "plan", "--output", "json"]).unwrap_or_default();
        last["changes"] == serde_json::json!([]) && last["failures"] == serde_json::json!([])
    })
    .map_err(|error| LabError::Failed {
        command: "innkeeper host plan".to_owned(),
        message: format!("{error}; it says {last}"),
    })
}

/// Enough for itself and a few namespaces.
const FEW_FILES: u32 = 64;

/// More listeners than that.
const MANY_NETWORKS: u32 = 60;
