//! Once per instance: what a second run does, and what it does not.

use std::fs;

use serde_json::json;

use crate::harness::{FILES, KEY, Machine, UUID, full, with_file};

#[test]
fn a_second_run_changes_nothing() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    machine.run_on(&device, &[]).expect(0, &[]);
    machine.put("etc/motd.d/welcome", "changed by the owner\n");
    machine.put("etc/hostname", "renamed\n");
    let before = machine.files();
    let again = machine.run_on(&device, &[]);
    again.expect(
        0,
        &["applied before: host name, SSH keys, root password, file /etc/motd.d/welcome"],
    );
    assert!(!again.err.contains("summary: applied:"), "{}", again.err);
    assert_eq!(machine.files(), before);
    machine.run_on(&device, &["--dry-run"]).expect(0, &["host name: applied before, at 20"]);
    machine.run_on(&device, &["--force"]).expect(0, &["summary: applied: host name"]);
    assert_eq!(machine.read("etc/motd.d/welcome"), "welcome\n");
}

#[test]
fn what_failed_is_done_by_the_next_run_and_nothing_else() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("etc/motd.d/welcome")).unwrap();
    let device = machine.drive(&full(), FILES);
    machine.run_on(&device, &[]).expect(
        1,
        &[
            "summary: applied: host name, SSH keys, root password",
            "summary: FAILED: file /etc/motd.d/welcome: /etc/motd.d/welcome is a directory",
        ],
    );
    let shadow = machine.read("etc/shadow");
    fs::remove_dir(machine.path("etc/motd.d/welcome")).unwrap();
    machine.run_on(&device, &[]).expect(
        0,
        &[
            "summary: applied: file /etc/motd.d/welcome",
            "summary: applied before: host name, SSH keys, root password",
        ],
    );
    assert_eq!(machine.read("etc/motd.d/welcome"), "welcome\n");
    assert_eq!(machine.read("etc/shadow"), shadow, "the password was set twice");
}

/// As on a full disk, where nothing can be written, the record neither.
#[test]
fn what_a_forced_run_did_not_reach_is_done_by_the_next() {
    let machine = Machine::new();
    let device = machine.drive(&with_file("/etc/x"), FILES);
    machine.run_on(&device, &[]).expect(0, &["summary: applied: host name, file /etc/x"]);
    fs::remove_file(machine.path("etc/x")).unwrap();
    fs::create_dir(machine.path("etc/x")).unwrap();
    let blocked = machine.path("var/lib/innkeeper-guest/.innkeeper-guest.new");
    fs::create_dir(&blocked).unwrap();
    machine.run_on(&device, &["--force"]).expect(1, &["summary: FAILED: file /etc/x"]);
    fs::remove_dir(machine.path("etc/x")).unwrap();
    fs::remove_dir(&blocked).unwrap();
    machine.run_on(&device, &[]).expect(0, &["summary: applied: host name, file /etc/x"]);
    assert_eq!(machine.read("etc/x"), "welcome\n");
}

#[test]
fn another_instance_from_the_same_image_gets_its_own() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    machine.run_on(&device, &[]).expect(0, &[]);
    let other = "ssh-rsa BBBB other@desk";
    let clone = json!({"uuid": "clone", "hostname": "web2",
                       "keys": [{"name": "o", "type": "ssh", "data": other}]});
    let device = machine.drive(&clone, &[]);
    machine.run_on(&device, &[]).expect(0, &["summary: applied: host name, SSH keys"]);
    assert_eq!(machine.read("etc/hostname"), "web2\n");
    let keys = machine.read("root/.ssh/authorized_keys");
    assert!(keys.contains(other) && !keys.contains(KEY), "the first owner can log in: {keys}");
}

#[test]
fn an_instance_without_keys_lets_nobody_of_an_earlier_one_in() {
    let machine = Machine::new();
    let device = machine.drive(&full(), FILES);
    machine.run_on(&device, &[]).expect(0, &[]);
    let keys = "root/.ssh/authorized_keys";
    let own = "ssh-rsa CCCC of the image\n";
    machine.put(keys, &format!("{own}{}", machine.read(keys)));
    let device = machine.drive(&json!({"uuid": "clone", "hostname": "web2"}), &[]);
    let said = "keys of an earlier instance are taken out of /root/.ssh/authorized_keys";
    machine.run_on(&device, &["--dry-run"]).expect(0, &[said]);
    machine.run_on(&device, &[]).expect(0, &["summary: applied: host name, SSH keys", said]);
    assert_eq!(machine.read(keys), own);
    let device = machine.drive(&json!({"uuid": "third", "hostname": "web3"}), &[]);
    let third = machine.run_on(&device, &["--user", "nobody-here"]);
    third.expect(0, &["summary: applied: host name\n"]);
}

#[test]
fn of_two_files_for_one_place_the_last_is_there() {
    let machine = Machine::new();
    let file = |number| json!({"path": "/etc/x", "content_path": format!("/content/000{number}")});
    let meta_data = json!({"uuid": UUID, "files": [file(0), file(1)]});
    let device =
        machine.drive(&meta_data, &[("content/0000", "first\n"), ("content/0001", "last\n")]);
    machine.run_on(&device, &[]).expect(0, &["summary: applied: file /etc/x\n"]);
    assert_eq!(machine.read("etc/x"), "last\n");
}

#[test]
fn many_files_are_refused_before_any_is_placed() {
    let machine = Machine::new();
    let files: Vec<_> = (0..1001)
        .map(|number| json!({"path": format!("/etc/x{number}"), "content_path": "/content/0000"}))
        .collect();
    let device = machine.drive(&json!({"uuid": UUID, "hostname": "web1", "files": files}), FILES);
    machine.run_on(&device, &[]).expect(
        1,
        &["summary: applied: host name", "FAILED: files: \"files\" in meta_data.json has more"],
    );
    assert!(!machine.path("etc/x0").exists());
}

#[test]
fn a_damaged_record_is_said_and_all_is_applied_again() {
    let machine = Machine::new();
    let device = machine.drive(&with_file("/etc/x"), FILES);
    machine.run_on(&device, &[]).expect(0, &[]);
    let record = format!("var/lib/innkeeper-guest/{UUID}.json");
    machine.put(&record, "{\"instance\":");
    machine
        .run_on(&device, &[])
        .expect(0, &["record of what was applied is damaged", "applied: host name, file"]);
    assert!(machine.read(&record).contains("\"file /etc/x\""));
}
