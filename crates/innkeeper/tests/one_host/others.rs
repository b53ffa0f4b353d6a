//! What is somebody else's is left alone and told of; another Innkeeper refuses.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use innkeeper_lab::{LabError, Program, World, isolated, link_exists, wait_until};

use crate::{
    BOUND,
    look::{contents, ip, links, namespaces, rules, said},
    tenants::{PATIENCE, isolated_tenant, routed_tenant, world},
};

#[test]
fn a_second_innkeeper_on_one_host_refuses() {
    isolated(|| {
        let world = world()?;
        let _serving = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        let second = second_installation()?;
        for role in ["serve", "host"] {
            let log = world.directory().join(format!("second-{role}.log"));
            let mut process = second.start([role], &log)?;
            let mut ended = None;
            wait_until("the second to refuse", PATIENCE, || {
                ended = process.ended();
                ended.is_some()
            })?;
            let status = ended.expect("it ended");
            assert_eq!(status.code(), Some(1), "{role} ended with {status}: {}", process.log());
            let said = process.log().to_lowercase();
            assert!(said.contains("another innkeeper"), "{role} says: {said}");
        }
        for tenant in [&red, &blue] {
            tenant.assert_knows_itself()?;
        }
        Ok(())
    });
}

#[test]
fn a_namespace_of_somebody_else_is_left_alone_and_told_of() {
    isolated(|| {
        let world = world()?;
        let network = "5f2d9a60-0000-4000-8000-00000000beef";
        let namespace = format!("qdhcp-{network}");
        ip(&format!("netns add {namespace}"))?;
        ip(&format!("-n {namespace} link add theirs type bridge"))?;
        ip(&format!("-n {namespace} address add 192.0.2.1/24 dev theirs"))?;
        let before = contents(&namespace)?;
        let _serving = world.serve()?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        world.operator("blue", &format!("network create claimed --id {network}"))?;
        let subnet = "subnet create claimed --network claimed --cidr 10.9.0.0/24";
        world.operator("blue", subnet)?;
        assert_told_of(&world, &namespace)?;
        // Others are served as before, and those who come later.
        blue.assert_knows_itself()?;
        routed_tenant(&world, "red", "10.0.0.0/24")?.assert_knows_itself()?;
        assert_eq!(contents(&namespace)?, before, "what is somebody else's was changed");
        // Once it is gone, the network gets its own.
        ip(&format!("netns delete {namespace}"))?;
        wait_until("the network's own namespace", BOUND, || {
            contents(&namespace).is_ok_and(|now| now.contains("10.9.0."))
        })
    });
}

#[test]
fn links_of_somebody_else_under_our_names_are_left_alone_and_told_of() {
    isolated(|| {
        let world = world()?;
        let network = "5f2d9a60-0000-4000-8000-00000000beef";
        let bridge = format!("brq{}", network.chars().take(11).collect::<String>());
        ip(&format!("link add {bridge} type bridge"))?;
        let _serving = world.serve()?;
        let blue = isolated_tenant(&world, "blue", "10.0.0.0/24")?;
        world.operator("blue", &format!("network create claimed --id {network}"))?;
        let subnet = "subnet create claimed --network claimed --cidr 10.9.0.0/24";
        world.operator("blue", subnet)?;
        assert_told_of(&world, &bridge)?;
        blue.assert_knows_itself()?;
        routed_tenant(&world, "red", "10.0.0.0/24")?.assert_knows_itself()?;
        let plugged = ip(&format!("link show master {bridge}"))?;
        assert_eq!(plugged.trim(), "", "plugged into a bridge that is somebody else's");
        // A machine's tap of the same name as somebody's is not taken either.
        let machine = world.machine("blue", "web2", "lan")?;
        ip(&format!("link add {} type bridge", machine.tap()))?;
        let refused = world.tap(&machine).expect_err("it is somebody else's").to_string();
        assert!(refused.contains(&machine.tap()), "{refused}");
        assert!(link_exists(&machine.tap()), "it was removed");
        Ok(())
    });
}

#[test]
fn cleaning_up_removes_all_of_ours_and_nothing_else() {
    isolated(|| {
        let world = world()?;
        for words in [
            "netns add qdhcp-theirs",
            "netns add theirs",
            "link add brqtheirs type bridge",
            "link add taptheirs type bridge",
        ] {
            ip(words)?;
        }
        let table = "add table bridge theirs; add chain bridge theirs input { }";
        Program::new("nft").run([table])?;
        let theirs = (links()?, namespaces()?, rules()?);

        let mut serving = world.serve()?;
        let red = routed_tenant(&world, "red", "10.0.0.0/24")?;
        red.assert_knows_itself()?;
        isolated_tenant(&world, "blue", "10.0.0.0/24")?.assert_knows_itself()?;
        let behind_tap = world.machine("red", "web2", "lan")?;
        let tap = world.tap(&behind_tap)?;
        assert!(link_exists(&tap));
        assert!(rules()?.contains("table bridge innkeeper"), "{}", rules()?);
        serving.terminate(PATIENCE)?;
        // An end alone takes nothing from the guests that are plugged in.
        assert!(link_exists(&red.machine.bridge()) && link_exists(&tap));

        world.program().run(["host", "cleanup"])?;
        ip("netns delete guest-red-web1")?;
        ip("netns delete guest-blue-web1")?;
        // A namespace's links go a moment after it.
        let is_as_before = || {
            let now = (links(), namespaces(), rules());
            matches!(now, (Ok(a), Ok(b), Ok(c)) if (&a, &b, &c) == (&theirs.0, &theirs.1, &theirs.2))
        };
        wait_until("everything to be as before", PATIENCE, is_as_before).map_err(|error| {
            let message =
                format!("{error}: {:?}, not {theirs:?}", (links(), namespaces(), rules()));
            LabError::Failed { command: "innkeeper host cleanup".to_owned(), message }
        })?;
        // Again there is nothing to do, which is no error.
        world.program().run(["host", "cleanup"]).map(|_| ())
    });
}

/// Waits until `innkeeper host status` names `what` as something that is wrong.
fn assert_told_of(world: &World, what: &str) -> Result<(), LabError> {
    let mut last = String::new();
    wait_until(&format!("the status to tell of {what}"), PATIENCE, || {
        last = world.program().command(["host", "status"]).output().map(said).unwrap_or_default();
        last.contains(what)
    })
    .map_err(|error| LabError::Failed {
        command: "innkeeper host status".to_owned(),
        message: format!("{error}; it says {last}"),
    })
}

/// Another installation of the program, that shares nothing with the first but the machine.
fn second_installation() -> Result<Program, LabError> {
    let directory = Path::new("/run/second");
    fs::create_dir(directory)?;
    let secret = directory.join("shared_secret");
    fs::write(&secret, "a-secret-of-the-second-alone-0123456789\n")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    let configuration = directory.join("innkeeper.toml");
    fs::write(&configuration, SECOND)?;
    let configuration = configuration.display().to_string();
    let program = Program::new(INNKEEPER).with("INNKEEPER_CONFIG", &configuration);
    Ok(program.with("INNKEEPER_CONTROL_SOCKET", "/run/second/control.sock"))
}

/// The program under test.
const INNKEEPER: &str = env!("CARGO_BIN_EXE_innkeeper");

const SECOND: &str = r#"
[store]
path = "/run/second/innkeeper.db"
[secrets]
shared_secret_file = "/run/second/shared_secret"
[control]
socket = "/run/second/control.sock"
[agent]
socket = "/run/second/metadata_proxy"
"#;
