//! Everything from the metadata service.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    harness::{FILES, KEY, Machine, UUID, full},
    http::Service,
};

const LISTING: &str = "2012-08-10\n2018-08-27\n2031-01-01\nlatest\n";

#[test]
fn all_that_the_service_says_is_applied() {
    let machine = Machine::new();
    let meta_data = full().to_string();
    let service = Service::start(
        &[
            ("/openstack", LISTING),
            ("/openstack/2018-08-27/meta_data.json", &meta_data),
            ("/openstack/content/0000", "welcome\n"),
        ],
        3,
    );
    let ended = machine.run(&["--source", "service", "--service", &service.url()]);
    ended.expect(
        0,
        &["version 2018-08-27 of the metadata service at http://127.0.0.1:", "answers 503"],
    );
    assert!(machine.read("root/.ssh/authorized_keys").contains(KEY));
    assert_eq!(machine.read("etc/motd.d/welcome"), "welcome\n");
    let asked = service.asked();
    assert!(!asked.iter().any(|path| path.contains("2031")), "{asked:?}");
}

#[test]
fn the_latest_is_read_where_nothing_has_a_date() {
    let machine = Machine::new();
    let documents = [
        ("/openstack", "latest\n"),
        ("/openstack/latest/meta_data.json", r#"{"uuid": "a", "hostname": "b"}"#),
    ];
    let service = Service::start(&documents, 0);
    let ended = machine.run(&["--source=service", "--service", &service.url()]);
    ended.expect(0, &["summary: applied: host name"]);
    assert_eq!(machine.read("etc/hostname"), "b\n");
}

#[test]
fn a_service_that_never_answers_is_given_up() {
    let machine = Machine::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let args = ["--source", "service", "--service", &url, "--service-wait", "1"];
    machine.run(&args).expect(3, &["no metadata service answered within 1 s", &url]);
    drop(listener);
    machine.run(&args).expect(3, &["could not connect"]);
}

#[test]
fn what_is_only_looked_at_is_not_waited_for() {
    let machine = Machine::new();
    let begun = Instant::now();
    let documents = [
        ("/openstack", "2018-08-27\n"),
        ("/openstack/2018-08-27/meta_data.json", r#"{"uuid": "a", "hostname": "b"}"#),
        ("/openstack/2018-08-27/vendor_data.json", Service::FAILS),
        ("/openstack/2018-08-27/vendor_data2.json", Service::FAILS),
    ];
    let service = Service::start(&documents, 0);
    let args = ["--source", "service", "--service", &service.url(), "--service-wait", "600"];
    machine.run(&args).expect(0, &["summary: applied: host name"]);
    assert!(begun.elapsed() < Duration::from_secs(60), "the vendor's failure costs the boot");
}

#[test]
fn broken_documents_fail_with_their_address() {
    let machine = Machine::new();
    for (documents, code, said) in [
        (vec![("/openstack", LISTING)], 3, "no meta_data.json in any version"),
        (
            vec![("/openstack", LISTING), ("/openstack/2018-08-27/meta_data.json", "{\"uuid\": ")],
            1,
            "openstack/2018-08-27/meta_data.json of the metadata service",
        ),
    ] {
        let service = Service::start(&documents, 0);
        let args = ["--source", "service", "--service", &service.url(), "--service-wait", "2"];
        machine.run(&args).expect(code, &[said]);
    }
    assert!(!machine.path("etc/hostname").exists());
}

#[test]
fn what_is_missing_fails_alone() {
    let machine = Machine::new();
    let meta_data = full().to_string();
    let documents =
        [("/openstack", LISTING), ("/openstack/2018-08-27/meta_data.json", &*meta_data)];
    let service = Service::start(&documents, 0);
    let args = ["--source", "service", "--service", &service.url(), "--service-wait", "2"];
    machine.run(&args).expect(
        1,
        &[
            "summary: applied: host name, SSH keys, root password",
            "FAILED: file /etc/motd.d/welcome: openstack/content/0000 is not there",
        ],
    );
    // The drive has it: it is the same instance, and the rest was done.
    let device = machine.drive(&full(), FILES);
    machine.run_on(&device, &[]).expect(0, &["summary: applied: file /etc/motd.d/welcome"]);
    let record = fs::read_to_string(machine.path(&format!("var/lib/innkeeper-guest/{UUID}.json")));
    let record: serde_json::Value = serde_json::from_str(&record.unwrap()).unwrap();
    assert_eq!(record["steps"]["host name"]["progress"], json!("done"));
}
