//! What is changed in a machine that runs: in namespaces of its own, with the tree's `/etc` and
//! `/var` in place of the machine's.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use innkeeper_lab::isolated;
use serde_json::json;

use crate::{
    harness::{Ended, FILES, Machine, UUID, full, with_file},
    http::Service,
};

/// Runs `before`, the program with `args` and `after` in namespaces of their own. Root's home is
/// `/var/root` there.
fn live(machine: &Machine, before: &str, args: &[&str], after: &str) -> Ended {
    let passwd = "root:x:0:0:root:/var/root:/bin/sh\n";
    machine.put("etc/passwd", passwd);
    fs::create_dir_all(machine.path("var/root")).unwrap();
    let script = format!(
        r#"mount --bind "$1/etc" /etc
        mount --bind "$1/var" /var
        {before}
        program=$2
        shift 2
        "$program" "$@" && code=0 || code=$?
        {after}
        exit $code"#
    );
    let output = Command::new("unshare")
        .args(["--mount", "--uts", "--net", "--propagation", "private", "sh", "-ec", &script, "sh"])
        .arg(machine.root())
        .arg(env!("CARGO_BIN_EXE_innkeeper-guest"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ended::of(&output)
}

fn live_on(machine: &Machine, before: &str, device: &Path, after: &str) -> Ended {
    live(machine, before, &["--device", device.to_str().unwrap()], after)
}

fn with_script(machine: &Machine, script: &str) -> std::path::PathBuf {
    machine.drive(&json!({"uuid": UUID}), &[("user_data", script)])
}

#[test]
fn the_machine_has_its_name_at_once() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    let ended = live_on(&machine, "", &device, r#"echo "named $(uname -n)""#);
    ended.expect(0, &["named web1\n", "host name: the host name is web1"]);
    assert!(machine.path("var/root/.ssh/authorized_keys").exists());
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_ne!(own.trim(), "web1", "the test renamed the machine it runs on");
    // A later boot of an image that reads /etc/hostname nowhere.
    let again = live_on(&machine, "hostname localhost", &device, r#"echo "named $(uname -n)""#);
    again.expect(0, &["named web1\n", "the host name is web1 again"]);
}

#[test]
fn a_script_runs_once_with_its_output_in_the_log() {
    let machine = Machine::new();
    let script = "#!/bin/sh\necho to-out\necho to-err >&2\necho \"$INSTANCE_ID $PWD\" >>/var/ran\n";
    let device = with_script(&machine, script);
    live_on(&machine, "", &device, "").expect(0, &["ran: exit status: 0", "applied: user data"]);
    live_on(&machine, "", &device, "").expect(0, &["applied before: user data"]);
    assert_eq!(machine.read("var/ran"), format!("{UUID} /\n"));
    let log = machine.log();
    assert!(log.contains("to-out\n") && log.contains("to-err\n"), "{log}");
    let program = format!("var/lib/innkeeper-guest/{UUID}.user-data");
    assert_eq!(machine.owned(&program), (0o700, 0, 0));
    live(&machine, "", &["--force", "--device", device.to_str().unwrap()], "").expect(0, &[]);
    assert_eq!(machine.read("var/ran").lines().count(), 2);
}

#[test]
fn an_early_run_leaves_the_script_to_a_later_one() {
    let machine = Machine::new();
    let script = "#!/bin/sh\ncat /etc/x >>/var/ran\n";
    let device = machine.drive(&with_file("/etc/x"), &[FILES[0], ("user_data", script)]);
    let early = live(&machine, "", &["--early", "--device", device.to_str().unwrap()], "");
    early.expect(0, &["applied: host name, file /etc/x", "left to a later run: user data"]);
    assert!(!machine.path("var/ran").exists());
    live_on(&machine, "", &device, "").expect(0, &["summary: applied: user data"]);
    assert_eq!(machine.read("var/ran"), "welcome\n");
}

#[test]
fn a_script_that_fails_is_said_and_not_repeated() {
    let machine = Machine::new();
    let device = with_script(&machine, "#!/bin/sh\necho x >>/var/ran\nexit 3\n");
    live_on(&machine, "", &device, "").expect(1, &["FAILED: user data", "exit status: 3"]);
    live_on(&machine, "", &device, "").expect(0, &["ended with exit status: 3"]);
    assert_eq!(machine.read("var/ran"), "x\n");
}

#[test]
fn a_script_that_reboots_the_machine_does_so_once() {
    let machine = Machine::new();
    let device = with_script(&machine, "#!/bin/sh\necho x >>/var/ran\nkill -9 $PPID\n");
    let killed = live_on(&machine, "", &device, "");
    assert_eq!(killed.code, 137, "{}", killed.err);
    live_on(&machine, "", &device, "").expect(0, &["ended nobody knows how", "--force"]);
    assert_eq!(machine.read("var/ran"), "x\n");
}

#[test]
fn a_script_is_not_begun_again_where_its_record_is_damaged() {
    let machine = Machine::new();
    let device = with_script(&machine, "#!/bin/sh\necho x >>/var/ran\n");
    live_on(&machine, "", &device, "").expect(0, &["applied: user data"]);
    machine.put(&format!("var/lib/innkeeper-guest/{UUID}.json"), "{\"instance\":");
    live_on(&machine, "", &device, "")
        .expect(0, &["is damaged", "applied before: user data (begun at ", "--force"]);
    assert_eq!(machine.read("var/ran"), "x\n");
}

#[test]
fn a_script_is_not_begun_again_where_nobody_hears_of_its_end() {
    let machine = Machine::new();
    let device = with_script(&machine, "#!/bin/sh\necho x >>/var/ran\n");
    for words in ["an end that nobody knows", "applied before: user data (begun at "] {
        // The kernel then forgets children as they end.
        let script = r#"mount --bind "$1/etc" /etc
            mount --bind "$1/var" /var
            exec env --ignore-signal=CHLD "$2" --device "$3""#;
        fs::create_dir_all(machine.path("var")).unwrap();
        let output = Command::new("unshare")
            .args(["--mount", "--uts", "--net", "sh", "-ec", script, "sh"])
            .arg(machine.root())
            .arg(env!("CARGO_BIN_EXE_innkeeper-guest"))
            .arg(&device)
            .output()
            .unwrap();
        let said = Ended::of(&output).err;
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(machine.read("var/ran"), "x\n", "it ran twice");
}

#[test]
fn a_script_that_cannot_be_started_is_tried_again() {
    let machine = Machine::new();
    let device = with_script(&machine, "#!/var/interpreter\necho x >>/var/ran\n");
    live_on(&machine, "", &device, "")
        .expect(1, &["could not run /var/lib/", "must name an interpreter"]);
    live_on(&machine, "ln -s /bin/sh /var/interpreter", &device, "")
        .expect(0, &["applied: user data"]);
    assert_eq!(machine.read("var/ran"), "x\n");
}

#[test]
fn a_script_is_not_waited_for_beyond_its_own_end() {
    let machine = Machine::new();
    let device = with_script(&machine, "#!/bin/sh\nsleep 600 &\necho $! >/var/pid\n");
    live_on(&machine, "", &device, "kill $(cat /var/pid)").expect(0, &["applied: user data"]);
}

#[test]
fn nothing_is_run_where_its_start_cannot_be_recorded() {
    let machine = Machine::new();
    let device = with_script(&machine, "#!/bin/sh\necho x >>/var/ran\n");
    let full = "mkdir -p /var/lib/innkeeper-guest
        mount -t tmpfs -o size=8k tmpfs /var/lib/innkeeper-guest
        head -c 4096 /dev/zero >/var/lib/innkeeper-guest/filler";
    live_on(&machine, full, &device, "").expect(1, &["No space left on device"]);
    assert!(!machine.path("var/ran").exists(), "it would run at every boot");
}

#[test]
fn a_compressed_script_runs() {
    let machine = Machine::new();
    let gzip = "printf '#!/bin/sh\\necho x >>/var/ran\\n' | gzip -n";
    let bytes = Command::new("sh").args(["-c", gzip]).output().unwrap().stdout;
    let mut tree = crate::harness::tree(&json!({"uuid": UUID}), &[]);
    tree.insert("openstack/2018-08-27/user_data", bytes.clone().into()).unwrap();
    let device = machine.image(&tree, innkeeper_image::Format::Iso9660, "config-2");
    live_on(&machine, "", &device, "").expect(0, &["applied: user data"]);
    assert_eq!(machine.read("var/ran"), "x\n");

    let mut tree = crate::harness::tree(&json!({"uuid": "other"}), &[]);
    tree.insert("openstack/2018-08-27/user_data", bytes[..bytes.len() - 9].to_vec().into())
        .unwrap();
    let device = machine.image(&tree, innkeeper_image::Format::Iso9660, "config-2");
    live_on(&machine, "", &device, "").expect(1, &["user data are compressed, and damaged"]);
}

#[test]
fn the_network_is_there_at_once_and_again_after_a_reboot() {
    let machine = Machine::new();
    let network = json!({
        "links": [{"id": "tap1", "type": "ovs", "ethernet_mac_address": "fa:16:3e:00:00:01",
                   "mtu": 1400, "vif_id": "v"}],
        "networks": [{"id": "network0", "type": "ipv4", "link": "tap1", "ip_address": "10.77.0.5",
                      "netmask": "255.255.255.0", "routes": [], "network_id": "n"}],
        "services": [],
    });
    let device = machine
        .drive(&with_file("/etc/x"), &[FILES[0], ("network_data.json", &network.to_string())]);
    let interface = "ip link add lan0 address fa:16:3e:00:00:01 type veth peer name far0
        ip link set far0 up";
    let show = "ip -br address show lan0";
    live_on(&machine, interface, &device, show)
        .expect(0, &["10.77.0.5/24", "applied: host name, network"]);
    let record = format!("var/lib/innkeeper-guest/{UUID}.json");
    let recorded: serde_json::Value = serde_json::from_str(&machine.read(&record)).unwrap();
    let boot = recorded["steps"]["network"]["boot"].as_str().expect("nothing keeps it here");
    machine.put(&record, &machine.read(&record).replace(boot, "an earlier boot"));
    let again = live_on(&machine, interface, &device, show);
    again.expect(0, &["10.77.0.5/24", "network (again, after a reboot)"]);
}

#[test]
fn the_network_of_an_earlier_instance_goes_where_the_next_has_none() {
    let machine = Machine::new();
    let stale = "etc/network/interfaces.d/50-innkeeper";
    machine.put(stale, "iface eth0 inet static\n    address 10.0.0.5/24\n");
    let network = json!({"links": [], "networks": [], "services": []}).to_string();
    let device = machine.drive(&json!({"uuid": UUID}), &[("network_data.json", &network)]);
    live_on(&machine, "", &device, "").expect(0, &["there is nothing to configure"]);
    assert!(!machine.path(stale).exists(), "two machines would have one address");
}

#[test]
fn the_service_is_found_over_ipv6_where_there_is_no_ipv4() {
    isolated(|| {
        let machine = Machine::new();
        for command in [
            "ip link add lan0 type veth peer name far0",
            "ip link set far0 up",
            "ip -6 address add fe80::a9fe:a9fe/64 dev far0 nodad",
        ] {
            assert!(Command::new("sh").args(["-c", command]).status()?.success(), "{command}");
        }
        let documents = [
            ("/openstack", "latest\n"),
            ("/openstack/latest/meta_data.json", r#"{"uuid": "a", "hostname": "over-ipv6"}"#),
        ];
        let service = Service::listen(TcpListener::bind("[::]:80")?, &documents, 0);
        let script = r#"mount --bind "$1/etc" /etc
            mount --bind "$1/var" /var
            exec "$2" --source service --service-wait 30"#;
        fs::create_dir(machine.path("var"))?;
        let output = Command::new("unshare")
            .args(["--mount", "--uts", "sh", "-ec", script, "sh"])
            .arg(machine.root())
            .arg(env!("CARGO_BIN_EXE_innkeeper-guest"))
            .output()?;
        Ended::of(&output)
            .expect(0, &["http://[fe80::a9fe:a9fe] on ", "the host name is over-ipv6"]);
        assert!(!service.asked().is_empty());
        Ok(())
    });
}
