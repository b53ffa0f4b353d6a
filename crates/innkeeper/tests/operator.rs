//! The operator's commands against a running `innkeeper api`.

mod installation;

use std::fs;

use installation::{Installation, Running};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1cMwQYBSoUdaOfNKYz3CQlMZXkNz6dPB0VuQzEVyG3 \
                   me@here\n";

/// An installation with a running API.
fn running() -> (Installation, Running) {
    let here = Installation::new();
    let api = here.start("api", &["--api-listen", "127.0.0.1:0"]);
    (here, api)
}

#[test]
fn the_first_steps_lead_to_a_machine_with_its_metadata() {
    let (here, _api) = running();
    let key = here.path("key.pub");
    fs::write(&key, KEY).unwrap();
    let user_data = here.path("cloud.yaml");
    fs::write(&user_data, "#cloud-config\npackages: [nginx]\n").unwrap();

    here.done(&format!("keypair create mykey --public-key {}", key.display()));
    here.done("image create debian12");
    here.done("flavor create m1.small --vcpus 1 --ram 2048 --disk 20");
    here.done("network create blue --subnet 10.0.0.0/24");
    here.done("router create r1 --subnet blue");
    here.done(&format!(
        "instance create web1 --network blue --key-name mykey --image debian12 --flavor m1.small \
         --user-data {} --property role=web --availability-zone nova",
        user_data.display()
    ));

    let text = here.done("instance metadata web1 /openstack/latest/meta_data.json");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["name"], "web1");
    assert_eq!(document["hostname"], "web1.novalocal");
    assert_eq!(document["meta"]["role"], "web");
    assert_eq!(document["availability_zone"], "nova");
    assert_eq!(document["public_keys"]["mykey"], KEY);
    assert_eq!(document["uuid"], here.json("instance show web1")["id"]);
    assert!(here.done("instance metadata web1").contains("web1"), "without a path");
    let served = here.done("instance metadata web1 /openstack/latest/user_data");
    assert_eq!(served, fs::read_to_string(&user_data).unwrap(), "byte for byte");

    let table = here.done("instance list");
    assert!(table.contains("web1") && table.contains("m1.small"), "{table}");
    let list = here.json("instance list");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
}

#[test]
fn exit_codes_tell_programs_what_is_wrong() {
    let (here, mut api) = running();
    here.done("network create blue --subnet 10.0.0.0/24");
    let (code, error) = here.refused("instance show nobody");
    assert_eq!((code, error.lines().count()), (3, 1), "{error}");
    let (code, error) = here.refused("subnet create again --network blue --cidr 10.0.0.0/25");
    assert_eq!(code, 4, "{error}");
    let (code, error) = here.refused("network create --no-such-flag");
    assert_eq!(code, 2, "{error}");
    api.stop(rustix::process::Signal::TERM);
    let (code, error) = here.refused("network list");
    assert_eq!(code, 75, "{error}");
    assert!(error.contains("innkeeper serve"), "it says what to start: {error}");
}

#[test]
fn tokens_are_asked_for_over_tcp_and_have_their_scope() {
    let here = Installation::new();
    let flags = ["--api-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"];
    let api = here.start("api", &flags);
    let url = api.control_url();
    let file = |name: &str| here.path(name).display().to_string();
    let list = |token: &str| {
        format!("network list --control-url {url} --control-token-file {}", file(token))
    };
    here.done(&list("admin.token"));
    let (code, error) = here.refused(&list("agent.token"));
    assert_eq!(code, 1, "{error}");
    let (code, error) = here.refused(&list("shared_secret"));
    assert_eq!(code, 1, "{error}");
}
