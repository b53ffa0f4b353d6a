//! Everything from a drive, of every format.

use std::{fs, process::Command};

use innkeeper_image::Format;
use serde_json::json;

use crate::harness::{FILES, KEY, Machine, PASSWORD, UUID, full, tree, with_file};

#[test]
fn all_that_is_on_a_drive_of_any_format_is_applied() {
    for (format, label) in
        [(Format::Iso9660, "config-2"), (Format::Vfat, "CONFIG-2"), (Format::Vhd, "Config-2")]
    {
        let machine = Machine::new();
        let device = machine.image(&tree(&full(), FILES), format, label);
        let ended = machine.run_on(&device, &[]);
        ended.expect(
            0,
            &[
                &format!("instance {UUID}, version 2018-08-27 of the config drive"),
                "summary: applied: host name, SSH keys, root password, file /etc/motd.d/welcome",
            ],
        );
        assert_eq!(machine.read("etc/hostname"), "web1\n", "{format}");
        let hosts = "127.0.0.1 localhost\n127.0.1.1 web1.novalocal web1\n";
        assert_eq!(machine.read("etc/hosts"), hosts);
        assert!(machine.read("root/.ssh/authorized_keys").contains(KEY));
        assert_eq!(machine.read("etc/motd.d/welcome"), "welcome\n");
    }
}

#[test]
fn modes_and_owners_are_right() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    machine
        .run_on(&device, &["--user", "bob"])
        .expect(0, &["the keys of user bob (1) are in /home/bob/.ssh/authorized_keys"]);
    for (path, owned) in [
        ("home/bob/.ssh", (0o700, 1000, 1001)),
        ("home/bob/.ssh/authorized_keys", (0o600, 1000, 1001)),
        ("etc/shadow", (0o640, 0, 42)),
        ("etc/hostname", (0o644, 0, 0)),
        ("etc/motd.d", (0o755, 0, 0)),
        ("etc/motd.d/welcome", (0o644, 0, 0)),
        ("var/log/innkeeper-guest.log", (0o600, 0, 0)),
        (&format!("var/lib/innkeeper-guest/{UUID}.json"), (0o600, 0, 0)),
    ] {
        assert_eq!(machine.owned(path), owned, "{path}");
    }
    assert!(!machine.path("root/.ssh").exists(), "keys for a user who was not asked for");
}

#[test]
fn the_password_is_one_that_others_can_check_and_is_told_nowhere() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    let ended = machine.run_on(&device, &[]);
    ended.expect(0, &["the password of root is set"]);
    let shadow = machine.read("etc/shadow");
    let (root, rest) = shadow.split_once('\n').unwrap();
    assert_eq!(rest, "bob:*:19000:0:99999:7:::\n");
    let fields: Vec<&str> = root.split(':').collect();
    assert_eq!((fields[0], fields.len()), ("root", 9));
    let salt = fields[1].split('$').nth(2).unwrap();
    assert_eq!(salt.len(), 16);
    let crypt = Command::new("perl")
        .args(["-e", "print crypt($ARGV[0], $ARGV[1])", PASSWORD, fields[1]])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(crypt.stdout).unwrap(), fields[1], "crypt(3) says otherwise");
    for (path, contents) in machine.files() {
        let contents = String::from_utf8_lossy(&contents).into_owned();
        assert!(!contents.contains(PASSWORD), "the password is in {path}");
    }
    assert!(!ended.err.contains(PASSWORD) && !machine.log().contains(PASSWORD));
}

#[test]
fn a_dry_run_shows_all_and_changes_nothing() {
    let machine = Machine::new();
    let others = [FILES, &[("user_data", "#!/bin/sh\necho secret-of-the-script\n")]].concat();
    let device = machine.drive(&full(), &others);
    let before = machine.files();
    let ended = machine.run_on(&device, &["--dry-run"]);
    ended.expect(0, &[
        "host name: write /etc/hostname (5 bytes)",
        "SSH keys: write the keys of user root (1) into /root/.ssh/authorized_keys (mode 0600, owner 0:0)",
        "root password: set the password of root in /etc/shadow",
        "file /etc/motd.d/welcome: write /etc/motd.d/welcome (8 bytes, mode 0644, owner 0:0)",
        "user data: a script: left to the machine itself",
    ]);
    assert_eq!(machine.files(), before);
    assert!(!machine.path("var").exists(), "something was made");
    let all = format!("{}{}", ended.out, ended.err);
    assert!(!all.contains(PASSWORD) && !all.contains("secret-of"), "{all}");
}

#[test]
fn a_dry_run_says_what_would_fail() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("etc/motd.d/welcome")).unwrap();
    let device = machine.drive(&full(), FILES);
    let ended = machine.run_on(&device, &["--dry-run", "--user", "nobody-here"]);
    ended.expect(
        1,
        &[
            "SSH keys: WOULD FAIL: there is no user \"nobody-here\"",
            "WOULD FAIL: /etc/motd.d/welcome is a directory",
        ],
    );
}

#[test]
fn what_is_not_applied_is_said() {
    for (user_data, kind) in [
        ("#cloud-config\nruncmd: [ls]\n", "a cloud-config"),
        ("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n", "MIME multipart"),
        ("#include\nhttp://x/\n", "a list of URLs to include"),
        ("#cloud-boothook\n", "a cloud-init boot hook"),
        ("## template: jinja\n", "a template"),
        ("hello", "of no kind that is known here"),
    ] {
        let machine = Machine::new();
        let vendor = ("vendor_data2.json", "{\"x\": 1}");
        let mut meta_data = with_file("/etc/x");
        meta_data["network_config"] =
            json!({"name": "network_config", "content_path": "/content/0001"});
        meta_data["keys"] = json!([{"name": "win", "type": "x509", "data": "-----BEGIN"}]);
        let others = [FILES, &[("user_data", user_data), vendor]].concat();
        let device = machine.drive(&meta_data, &others);
        machine.run_on(&device, &[]).expect(
            0,
            &[
                "NOT UNDERSTOOD and not applied: user data",
                kind,
                "vendor_data2.json has something in it, which is not applied",
                "network_config is there, and not applied",
                "key win is of type x509",
            ],
        );
    }
}

#[test]
fn an_existing_file_keeps_its_mode_and_owner() {
    let machine = Machine::new();
    machine.put("home/bob/notes", "old");
    std::os::unix::fs::chown(machine.path("home/bob/notes"), Some(1000), Some(1001)).unwrap();
    let private = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    fs::set_permissions(machine.path("home/bob/notes"), private).unwrap();
    let device = machine.drive(&with_file("/home/bob/notes"), FILES);
    machine.run_on(&device, &["--dry-run"]).expect(0, &["it keeps mode 0600 and owner 1000:1001"]);
    machine.run_on(&device, &[]).expect(0, &[]);
    assert_eq!(machine.read("home/bob/notes"), "welcome\n");
    assert_eq!(machine.owned("home/bob/notes"), (0o600, 1000, 1001));
}

#[test]
fn settings_come_from_the_roots_file_and_the_command_line_wins() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    machine.put(
        "etc/innkeeper-guest.conf",
        &format!("user = bob\nlog = /var/log/guest.log\ndevice = {}\n", device.display()),
    );
    machine.run(&["--dry-run"]).expect(0, &["keys of user bob"]);
    machine.run(&["--dry-run", "--user=root"]).expect(0, &["keys of user root"]);
    machine.run(&[]).expect(0, &[]);
    assert!(machine.read("var/log/guest.log").contains("keys of user bob"));
    machine.put("etc/innkeeper-guest.conf", "usr = bob\n");
    machine
        .run(&["--dry-run"])
        .expect(2, &["/etc/innkeeper-guest.conf, line 1: there is no setting \"usr\""]);
    machine
        .run(&["--config", "/no/such/file"])
        .expect(2, &["could not read the configuration /no/such/file"]);
    machine.run(&["--nonsense"]).expect(2, &["--help shows"]);
    machine.run(&["--help"]).expect(0, &["Usage: innkeeper-guest", "Exit code:"]);
}
