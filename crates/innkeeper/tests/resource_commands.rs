//! The resource commands as an operator runs them: the real binary against a real control API.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use innkeeper_config_drive::{Recipe, Shelf};
use innkeeper_control::{ConfigDrives, ConfigDrivesSetup, Control};
use innkeeper_documents::Settings;
use innkeeper_model::{Identity, NewProject};
use innkeeper_store::{Store, StoreError, StoreLocation};
use innkeeper_vendor_data::CurrentSettings;
use innkeeper_wire::{
    GuestRequest, GuestResponse, NextHop, Reason,
    unix_socket::{PeerPolicy, bind_unix},
};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5n8h1k0h8r3rV0sHcTzv3dQ2K8m1c0m1c0m1c0m1c0 me@here\n";

/// Stands where the metadata API does; its bytes are odd on purpose.
struct Guest;

impl NextHop<Identity> for Guest {
    async fn call(&self, request: GuestRequest<Identity>) -> GuestResponse {
        if request.target.path() != "/openstack/latest/meta_data.json" {
            return GuestResponse::refusal(Reason::NoSuchPath, "no such path\n");
        }
        let json = HeaderValue::from_static("application/json");
        GuestResponse::new(StatusCode::OK, json, Bytes::from_static(b"\xff{}"), Reason::Served)
    }
}

struct Operator {
    directory: tempfile::TempDir,
    socket: PathBuf,
    _runtime: Runtime,
}

impl Operator {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("control.sock");
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let store = Store::open(&StoreLocation::Memory).await.expect("a store");
            let default =
                NewProject { id: None, name: "default".to_owned(), description: String::new() };
            let made = store.project_create(default).await;
            assert!(matches!(made, Ok(_) | Err(StoreError::Conflict { .. })), "{made:?}");
            let setup = ConfigDrivesSetup {
                recipe: Recipe::default(),
                shelf: Shelf::new(directory.path().join("instances")),
                force: false,
                asks_services: false,
            };
            let settings = Arc::new(CurrentSettings::fixed(Settings::default()));
            let drives = ConfigDrives::new(store.clone(), settings, setup);
            let control = Control::new(store, Arc::new(Guest), drives, CancellationToken::new());
            let listener = bind_unix(&socket, None).expect("a socket");
            tokio::spawn(async move { control.serve_unix(listener, PeerPolicy::own()).await });
        });
        fs::write(directory.path().join("key.pub"), KEY).expect("a key");
        fs::write(directory.path().join("cloud.yaml"), "#cloud-config\n").expect("user data");
        Self { directory, socket, _runtime: runtime }
    }

    fn run(&self, line: &str) -> Output {
        command(&self.socket, self.directory.path(), line).output().expect("the binary runs")
    }

    fn done(&self, line: &str) -> String {
        let output = self.run(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "innkeeper {line}: {error}");
        assert!(error.is_empty(), "innkeeper {line}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{line} --output json"))).expect("JSON")
    }

    /// The exit code and the one line on standard error.
    fn refused(&self, line: &str) -> (i32, String) {
        let output = self.run(line);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{line}: {error}");
        (output.status.code().expect("an exit code"), error)
    }
}

fn command(socket: &Path, directory: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_innkeeper"));
    command.args(line.split_whitespace()).current_dir(directory).env_clear();
    command.env("INNKEEPER_CONTROL_SOCKET", socket);
    command
}

#[test]
fn the_first_steps_work_as_written() {
    let operator = Operator::new();
    operator.done("keypair create mykey --public-key key.pub");
    operator.done("flavor create m1.small --vcpus 1 --ram 2048 --disk 20 --property k=v");
    operator.done("image create debian12 --file F --disk-format qcow2 --property os=linux");
    operator.done("network create blue --subnet 10.0.0.0/24");
    operator.done("router create r1 --subnet blue");
    operator.done(
        "subnet create blue-6 --network blue --cidr 2001:db8::/64 --gateway none \
         --dns-nameserver 2001:db8::53",
    );
    let shown = operator.done(
        "instance create web1 --network blue --key-name mykey --image debian12 --flavor m1.small \
         --user-data ./cloud.yaml --property role=web --availability-zone nova",
    );
    assert!(shown.contains("| key_pair") && shown.contains("mykey"), "{shown}");
    let instance = operator.json("instance show web1");
    assert_eq!(instance["metadata"]["role"], "web");
    assert_eq!(instance["availability_zone"], "nova");
    assert_eq!(instance["user_data"], "I2Nsb3VkLWNvbmZpZwo=");
    let ports = operator.json("port list");
    let its = ports.as_array().expect("ports").iter();
    let its: Vec<_> = its.filter(|port| port["attachment"]["id"] == instance["id"]).collect();
    assert_eq!(its.len(), 1, "{ports}");
    let port = its[0]["id"].as_str().expect("an id");
    operator.done(&format!("floating-ip create 203.0.113.7 --port {port}"));
    assert_eq!(operator.json("floating-ip show 203.0.113.7")["port_id"], port);
    for command in ["instance list", "instance show web1"] {
        let text = operator.done(command);
        assert!(text.contains("blue=10.0.0.3, 2001:db8::"), "{command}: {text}");
    }
    operator.done("instance set web1 --property role=db");
    assert_eq!(operator.json("instance show web1")["metadata"]["role"], "db");
    operator.done("instance delete web1");
    assert_eq!(operator.refused("instance show web1").0, 3);
}

#[test]
fn what_a_guest_will_not_understand_is_said_beside_the_result() {
    let operator = Operator::new();
    operator.done("flavor create f --vcpus 1 --ram 1");
    operator.done("network create blue --subnet 10.0.0.0/24");
    let write = |text: &str| {
        fs::write(operator.directory.path().join("bad.yaml"), text).expect("user data");
    };
    write("packages: [nginx]\n");
    let made = operator.run("instance create web1 --flavor f --network blue --user-data bad.yaml");
    assert!(made.status.success(), "it is only a warning: {made:?}");
    let error = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(error.starts_with("warning: user data: guests will ignore it"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(String::from_utf8_lossy(&made.stdout).contains("web1"), "{made:?}");

    write("#cloud-config\npackages: [nginx\nruncmd: []\n");
    let changed = operator.run("instance set web1 --user-data bad.yaml --output json");
    assert!(changed.status.success(), "{changed:?}");
    let json: Value = serde_json::from_slice(&changed.stdout).expect("JSON and nothing else");
    let warning = json["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("broken at line 3 column "), "{warning}");
    assert_eq!(String::from_utf8_lossy(&changed.stderr), format!("warning: {warning}\n"));
    assert_eq!(json["name"], "web1");

    let good = operator.json("instance set web1 --user-data cloud.yaml");
    assert!(good.get("warnings").is_none(), "{good}");
}

#[test]
fn a_guests_answer_is_printed_byte_for_byte() {
    let operator = Operator::new();
    operator.done("flavor create f --vcpus 1 --ram 1");
    operator.done("network create blue --subnet 10.0.0.0/24");
    operator.done("instance create web1 --flavor f --network blue");
    assert_eq!(operator.run("instance metadata web1").stdout, b"\xff{}");
    let refused = operator.run("instance metadata web1 /nothing");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(refused.stdout, b"no such path\n");
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(error, "error: the guest would be answered 404 Not Found (reason no-such-path)\n");
}

#[test]
fn refusals_have_their_exit_codes_and_say_what_to_do() {
    let operator = Operator::new();
    operator.done("network create blue --subnet 10.0.0.0/24");
    let (code, error) = operator.refused("network create blue");
    assert_eq!(code, 4, "{error}");
    let (code, error) = operator.refused("network show bleu");
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("Did you mean \"blue\"?"), "{error}");
    let (code, error) = operator.refused("network list --project nobody");
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("`innkeeper project list`"), "{error}");
    let (code, error) = operator.refused("network set blue --mtu 1");
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("mtu"), "{error}");
    let (code, error) = operator.refused("keypair create mykey --public-key missing.pub");
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("missing.pub"), "{error}");
    let (code, error) = operator.refused("network list --control-url http://127.0.0.1:1");
    assert_eq!(code, 2, "{error}");
    assert_eq!(operator.run("network create").status.code(), Some(2));
    let (code, error) = operator.refused("network list --control-socket /nonexistent/c.sock");
    assert_eq!(code, 75, "{error}");
    assert!(error.contains("is `innkeeper serve` or `innkeeper api` running?"), "{error}");
}

#[test]
fn creating_twice_can_be_asked_for() {
    let operator = Operator::new();
    let line = "network create blue --subnet 10.0.0.0/24 --if-not-exists";
    let first = operator.json(line);
    assert_eq!(operator.json(line), first);
    assert_eq!(operator.json("subnet list").as_array().map(Vec::len), Some(1));
    let line = "router create r1 --subnet blue --if-not-exists";
    let first = operator.json(line);
    assert_eq!(operator.json(line), first);
}

#[test]
fn a_network_whose_subnet_is_refused_is_not_left_behind() {
    let operator = Operator::new();
    let (code, error) = operator.refused("network create blue --subnet 10.0.0.1/24");
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("did you mean 10.0.0.0/24"), "{error}");
    assert_eq!(operator.json("network list"), Value::Array(Vec::new()));
    operator.refused("router create r1 --subnet missing");
    assert_eq!(operator.json("router list"), Value::Array(Vec::new()));
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let operator = Operator::new();
    let mut child = command(&operator.socket, operator.directory.path(), "project list")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_port_has_dhcp_options_of_its_own() {
    let operator = Operator::new();
    operator.done("network create blue --subnet 10.0.0.0/24");
    let shown = operator.done(
        "port create p1 --network blue --extra-dhcp-option name=bootfile-name,value=pxelinux.0 \
         --extra-dhcp-option name=42,value=10.0.0.8,10.0.0.9,ip-version=4",
    );
    assert!(shown.contains("bootfile-name=pxelinux.0"), "{shown}");
    assert!(shown.contains("42=10.0.0.8,10.0.0.9"), "{shown}");
    operator.done("port set p1 --extra-dhcp-option name=router");
    let options = serde_json::json!([{"name": "router", "value": ""}]);
    assert_eq!(operator.json("port show p1")["extra_dhcp_opts"], options);
    operator.done("port set p1 --name p2");
    assert_eq!(operator.json("port show p2")["extra_dhcp_opts"], options, "left alone");
    operator.done("port set p2 --no-extra-dhcp-options");
    assert_eq!(operator.json("port show p2").get("extra_dhcp_opts"), None);
    let twice =
        "port set p2 --extra-dhcp-option name=42,value=10.0.0.8 --extra-dhcp-option name=42";
    let (code, error) = operator.refused(twice);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("\"42\" is given twice"), "{error}");
}
