//! Drives that are broken or hostile, machines that are full or odd: each with its message, its
//! exit code, and nothing left that the next run would not finish.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Output},
};

use bytes::Bytes;
use innkeeper_image::{Format, Tree};
use serde_json::json;

use crate::harness::{Ended, FILES, KEY, Machine, SHADOW, UUID, full, tree, with_file};

#[test]
fn a_truncated_drive_is_said_to_be_one() {
    let machine = Machine::new();
    for format in Format::ALL {
        let device = machine.image(&tree(&full(), FILES), format, "config-2");
        let whole = fs::read(&device).unwrap();
        let meta_data = whole.windows(8).position(|bytes| bytes == b"{\"uuid\":").unwrap();
        fs::write(&device, &whole[..meta_data + 10]).unwrap();
        let ended = machine.run_on(&device, &[]);
        let found_or_not = [1, 3].contains(&ended.code);
        assert!(found_or_not && ended.err.contains("truncated"), "{format}: {}", ended.err);
        assert!(!machine.path("etc/hostname").exists());
    }
}

#[test]
fn no_cut_of_a_drive_applies_half_of_it_silently() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    let whole = fs::read(&device).unwrap();
    for cut in (0..whole.len()).step_by(whole.len() / 40) {
        let machine = Machine::new();
        fs::write(&device, &whole[..cut]).unwrap();
        let ended = machine.run_on(&device, &[]);
        assert!([0, 1, 3].contains(&ended.code), "cut at {cut}: {}", ended.err);
        if ended.code == 0 {
            assert_eq!(machine.read("etc/motd.d/welcome"), "welcome\n", "cut at {cut}");
        }
    }
}

#[test]
fn what_is_no_config_drive_is_not_found() {
    let machine = Machine::new();
    let other = machine.image(&tree(&full(), FILES), Format::Vfat, "EFI");
    machine.run_on(&other, &[]).expect(3, &["has the label \"EFI\", not \"config-2\""]);
    let missing = PathBuf::from("/dev/no-such-device");
    machine.run_on(&missing, &[]).expect(3, &["could not open /dev/no-such-device"]);
    fs::write(&other, vec![0; 100_000]).unwrap();
    machine.run_on(&other, &[]).expect(3, &["neither ISO 9660 nor FAT"]);
    let mut empty = Tree::new();
    empty.insert("ec2/latest/meta-data.json", Bytes::from_static(b"{}")).unwrap();
    let empty = machine.image(&empty, Format::Iso9660, "config-2");
    machine.run_on(&empty, &[]).expect(1, &["there is no directory openstack on it"]);
}

#[test]
fn broken_json_is_said_and_the_rest_is_applied() {
    let machine = Machine::new();
    let mut broken = Tree::new();
    broken.insert("openstack/latest/meta_data.json", Bytes::from_static(b"{\"uuid\": ")).unwrap();
    let device = machine.image(&broken, Format::Iso9660, "config-2");
    machine.run_on(&device, &[]).expect(1, &["openstack/latest/meta_data.json of", "is not JSON"]);

    let others = [FILES, &[("network_data.json", "{\"links\": [")]].concat();
    let device = machine.drive(&full(), &others);
    machine.run_on(&device, &[]).expect(
        1,
        &[
            "summary: applied: host name, SSH keys, root password, file /etc/motd.d/welcome",
            "summary: FAILED: network: network_data.json is not JSON",
        ],
    );
}

#[test]
fn wrong_fields_fail_alone() {
    let machine = Machine::new();
    let odd = json!({"uuid": UUID, "hostname": "a b", "admin_pass": 7, "files": {"path": "/x"},
                     "keys": [{"name": "bad", "type": "ssh", "data": "x"},
                              {"name": "good", "type": "ssh", "data": KEY}]});
    let device = machine.drive(&odd, &[]);
    machine.run_on(&device, &[]).expect(
        1,
        &[
            "FAILED: host name: \"a b\" cannot be a host name",
            "FAILED: root password: \"admin_pass\" in meta_data.json is not a text",
            "FAILED: files: \"files\" in meta_data.json is not a list",
            "FAILED: SSH keys: key bad is not a public key",
        ],
    );
    assert!(machine.read("root/.ssh/authorized_keys").contains(KEY), "the good key is missing");
    assert!(!machine.path("etc/hostname").exists());
}

#[test]
fn files_go_nowhere_but_where_they_say() {
    for (path, said) in [
        ("../../etc/cron.d/x", "is not an absolute path"),
        ("/etc/../../x", "climbs with"),
        ("/etc/x\u{0}y", "control characters"),
        ("/etc/", "is a directory, not a file"),
        ("", "is not an absolute path"),
        ("/etc/passwd/x", "is not a directory"),
        ("/dev/fifo", "is a FIFO, which is not replaced"),
        ("/etc/link", "is a symbolic link, which is not replaced"),
        ("/home/bob/link/x", "belongs to user 1000, not to root"),
    ] {
        let machine = Machine::new();
        fs::create_dir(machine.path("dev")).unwrap();
        let made = Command::new("mkfifo").arg(machine.path("dev/fifo")).status().unwrap();
        assert!(made.success());
        symlink("/etc/passwd", machine.path("etc/link")).unwrap();
        symlink("/etc", machine.path("home/bob/link")).unwrap();
        std::os::unix::fs::lchown(machine.path("home/bob/link"), Some(1000), None).unwrap();
        let (device, before) = (machine.drive(&with_file(path), FILES), machine.read("etc/passwd"));
        machine.run_on(&device, &[]).expect(1, &["FAILED: file ", said, "applied: host name"]);
        assert_eq!(machine.read("etc/passwd"), before, "{path}");
        let outside = fs::read_dir(machine.root().parent().unwrap()).unwrap().count();
        assert_eq!(outside, 2, "{path:?} left the root");
    }
}

/// Lays something in the way.
type Lay = fn(&Machine);

#[test]
fn keys_follow_no_link_of_the_user() {
    let lay: [(&str, Lay); 4] = [
        ("is not a directory: a link", |machine| {
            fs::create_dir(machine.path("root/.ssh")).unwrap();
            symlink("/root/.ssh", machine.path("home/bob/.ssh")).unwrap();
        }),
        ("is a symbolic link", |machine| {
            fs::create_dir(machine.path("home/bob/.ssh")).unwrap();
            symlink("/etc/shadow", machine.path("home/bob/.ssh/authorized_keys")).unwrap();
        }),
        ("has a second name", |machine| {
            fs::create_dir(machine.path("home/bob/.ssh")).unwrap();
            let keys = machine.path("home/bob/.ssh/authorized_keys");
            fs::hard_link(machine.path("etc/shadow"), keys).unwrap();
        }),
        ("is not a file", |machine| {
            fs::create_dir(machine.path("home/bob/.ssh")).unwrap();
            let keys = machine.path("home/bob/.ssh/authorized_keys");
            assert!(Command::new("mkfifo").arg(keys).status().unwrap().success());
        }),
    ];
    for (said, lay) in lay {
        let machine = Machine::new();
        lay(&machine);
        let mut meta_data = full();
        meta_data.as_object_mut().unwrap().remove("admin_pass");
        let device = machine.drive(&meta_data, FILES);
        let ended = machine.run_on(&device, &["--user", "bob"]);
        ended.expect(1, &["FAILED: SSH keys: /home/bob/.ssh", said]);
        assert_eq!(machine.read("etc/shadow"), SHADOW);
        assert!(!machine.path("root/.ssh/authorized_keys").exists());
    }
}

#[test]
fn a_user_or_a_shadow_that_is_missing_is_named() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    fs::remove_file(machine.path("etc/shadow")).unwrap();
    machine.run_on(&device, &["--user", "carol"]).expect(
        1,
        &[
            "FAILED: SSH keys: there is no user \"carol\" in /etc/passwd",
            "FAILED: root password: there is no /etc/shadow",
            "summary: applied: host name, file /etc/motd.d/welcome",
        ],
    );
    machine.put("etc/shadow", SHADOW);
    machine.run_on(&device, &["--user", "bob"]).expect(0, &["applied: SSH keys, root password"]);
}

#[test]
fn links_and_devices_on_a_drive_are_not_read() {
    let machine = Machine::new();
    let (staging, device) = (machine.path("tmp/stage"), machine.path("tmp/hostile.iso"));
    fs::create_dir_all(staging.join("openstack/latest")).unwrap();
    fs::create_dir_all(staging.join("openstack/content")).unwrap();
    fs::write(
        staging.join("openstack/latest/meta_data.json"),
        with_file("/etc/stolen").to_string(),
    )
    .unwrap();
    symlink("/etc/shadow", staging.join("openstack/content/0000")).unwrap();
    let node = staging.join("openstack/latest/user_data");
    let made = Command::new("mknod").arg(node).args(["b", "8", "0"]).status().unwrap();
    assert!(made.success());
    let made = Command::new("genisoimage")
        .args(["-quiet", "-R", "-V", "config-2", "-o"])
        .args([&device, &staging])
        .status()
        .unwrap();
    assert!(made.success());
    machine.run_on(&device, &[]).expect(
        1,
        &[
            "FAILED: file /etc/stolen: openstack/content/0000 on ",
            "is a symbolic link, which is not read from a drive",
            "FAILED: user data: openstack/latest/user_data on ",
            "is a device or a pipe",
            "summary: applied: host name",
        ],
    );
    assert!(!machine.path("etc/stolen").exists());
}

#[test]
fn a_full_disk_leaves_nothing_and_the_next_run_finishes() {
    let machine = Machine::new();
    fs::create_dir(machine.path("full")).unwrap();
    let large = "x".repeat(200_000);
    let device = machine.drive(&with_file("/full/large"), &[("content/0000", &large)]);
    let ended = with_small_disk(&machine, "full", &device);
    ended.expect(
        1,
        &[
            "FAILED: file /full/large: write /full/large: No space left on device",
            "free some space and run innkeeper-guest again",
            "left: []",
        ],
    );
    machine.run_on(&device, &[]).expect(0, &["summary: applied: file /full/large"]);
    assert_eq!(machine.read("full/large"), large);
}

#[test]
fn a_record_that_cannot_be_kept_is_a_failure() {
    let machine = Machine::new();
    machine.put("var/lib/innkeeper-guest", "in the way");
    let device = machine.drive(&with_file("/etc/x"), FILES);
    let said = ["FAILED: host name: /var/lib/innkeeper-guest/", "is not a directory"];
    machine.run_on(&device, &[]).expect(1, &said);
    assert_eq!(machine.read("etc/x"), "welcome\n", "what can be done is done");
    fs::remove_file(machine.path("var/lib/innkeeper-guest")).unwrap();
    machine.run_on(&device, &[]).expect(0, &["applied: host name, file /etc/x"]);
}

/// Runs the program with a disk of 64 KiB at `path`, and says what it left there.
fn with_small_disk(machine: &Machine, path: &str, device: &std::path::Path) -> Ended {
    let script = r#"mount -t tmpfs -o size=64k tmpfs "$2/$3"
        "$1" --root "$2" --device "$4" && code=0 || code=$?
        echo "left: [$(ls -A "$2/$3")]"
        exit $code"#;
    let output: Output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh"])
        .arg(env!("CARGO_BIN_EXE_innkeeper-guest"))
        .arg(machine.root())
        .arg(path)
        .arg(device)
        .output()
        .unwrap();
    Ended::of(&output)
}
