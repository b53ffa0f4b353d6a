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
