//! What each program that configures a network at boot is given to read.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use innkeeper_guest::network::{Interface, NetworkError, Plan, Renderer};
use serde_json::Value;

const CASES: [&str; 4] = ["static", "automatic", "stateless", "bond_vlan"];

const NETWORKD: &[&str] = &[
    "etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
    "usr/lib/systemd/systemd-networkd",
];
const NETWORK_MANAGER: &[&str] = &["usr/sbin/NetworkManager"];
const IFUPDOWN: &[&str] = &["usr/sbin/ifup", "etc/network/interfaces"];

#[test]
fn systemd_networkd_reads_what_is_expected() {
    compare("networkd", Renderer::Networkd, NETWORKD);
}

#[test]
fn network_manager_reads_what_is_expected() {
    compare("network_manager", Renderer::NetworkManager, NETWORK_MANAGER);
}

#[test]
fn ifupdown_reads_what_is_expected() {
    compare("ifupdown", Renderer::Ifupdown, IFUPDOWN);
}

#[test]
fn a_later_plan_leaves_nothing_of_the_earlier() {
    let root = image(NETWORKD);
    let others = root.path().join("etc/systemd/network/50-mine.network");
    fs::create_dir_all(others.parent().expect("a folder")).expect("folders");
    fs::write(&others, "[Match]\nName=eth9\n").expect("a file");
    let first = plan("bond_vlan").persist(root.path()).expect("persisted");
    assert_eq!(first.len(), 6, "{first:?}");
    let second = plan("stateless").persist(root.path()).expect("persisted");
    assert_eq!(second, [root.path().join("etc/systemd/network/10-innkeeper-eth0.network")]);
    assert_eq!(
        names(&root.path().join("etc/systemd/network")),
        ["10-innkeeper-eth0.network", "50-mine.network"]
    );

    let empty = Plan::new(&serde_json::json!({}), &machine()).expect("a plan");
    assert_eq!(empty.persist(root.path()).expect("persisted"), Vec::<PathBuf>::new());
    assert_eq!(names(&root.path().join("etc/systemd/network")), ["50-mine.network"]);
}

#[test]
fn an_image_that_changed_its_mind_has_one_set_of_files() {
    let root = image(NETWORK_MANAGER);
    plan("static").persist(root.path()).expect("persisted");
    for file in NETWORKD {
        touch(root.path(), file);
    }
    plan("static").persist(root.path()).expect("persisted");
    assert_eq!(
        names(&root.path().join("etc/NetworkManager/system-connections")),
        Vec::<String>::new()
    );
    assert_eq!(names(&root.path().join("etc/systemd/network")).len(), 2);
}

#[test]
fn the_administrators_interfaces_file_stays() {
    let root = image(IFUPDOWN);
    let path = root.path().join("etc/network/interfaces");
    let own = "auto lo\niface lo inet loopback\n";
    fs::write(&path, own).expect("a file");
    let written = plan("stateless").persist(root.path()).expect("persisted");
    assert_eq!(written, std::slice::from_ref(&path));
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.starts_with(own) && text.ends_with("# end innkeeper-guest\n"), "{text}");
    plan("stateless").persist(root.path()).expect("persisted again");
    assert_eq!(fs::read_to_string(&path).expect("a file"), text, "twice is once");

    let reading = "iface lo inet loopback\nsource /etc/network/interfaces.d/*\n";
    fs::write(&path, format!("{text}{reading}")).expect("a file");
    let written = plan("stateless").persist(root.path()).expect("persisted");
    assert_eq!(written, [root.path().join("etc/network/interfaces.d/50-innkeeper")]);
    assert_eq!(fs::read_to_string(&path).expect("a file"), format!("{own}{reading}"));
}

#[test]
fn what_the_administrator_configured_is_refused_by_name() {
    let root = image(IFUPDOWN);
    let path = root.path().join("etc/network/interfaces");
    fs::write(&path, "iface eth0 inet dhcp\n").expect("a file");
    let error = plan("static").persist(root.path()).expect_err("a conflict");
    let NetworkError::PartlyPersisted { written, refused } = &error else {
        panic!("another error: {error}");
    };
    assert_eq!(written, std::slice::from_ref(&path));
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("eth0") && refused[0].contains("iface eth0 inet dhcp"), "{error}");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(!text.contains("10.1.0.5") && text.contains("iface eth0 inet6 static"), "{text}");

    // The same is no conflict.
    fs::write(&path, "iface eth0 inet dhcp\n").expect("a file");
    plan("automatic").persist(root.path()).expect("persisted");
    let text = fs::read_to_string(&path).expect("a file");
    assert_eq!(text.matches("iface eth0 inet dhcp").count(), 1, "{text}");
}

#[test]
fn nothing_is_written_where_nobody_reads() {
    let root = image(&[]);
    assert_eq!(plan("static").persist(root.path()).expect("persisted"), Vec::<PathBuf>::new());
    assert_eq!(names(root.path()), Vec::<String>::new());
}

fn compare(folder: &str, renderer: Renderer, image_files: &[&str]) {
    for case in CASES {
        let root = image(image_files);
        assert_eq!(Renderer::detect(root.path()), Some(renderer));
        let written = plan(case).persist(root.path()).expect("persisted");
        let mut shown = String::new();
        for path in &written {
            let mode = fs::metadata(path).expect("a file").permissions().mode() & 0o777;
            let text = fs::read_to_string(path).expect("a file");
            let place = path.strip_prefix(root.path()).expect("under the root");
            writeln!(shown, "==== {} {mode:o}\n{text}", place.display()).expect("a string");
        }
        let expected = here().join("network_expected").join(folder).join(format!("{case}.txt"));
        let expected = fs::read_to_string(expected).expect("an expectation");
        assert_eq!(shown, expected, "{folder} {case}");
        let again = plan(case).persist(root.path()).expect("persisted again");
        assert_eq!(again, written, "{folder} {case}, twice");
    }
}

fn plan(case: &str) -> Plan {
    let text = fs::read(here().join("network_documents").join(format!("{case}.json")));
    let document: Value = serde_json::from_slice(&text.expect("a document")).expect("JSON");
    let plan = Plan::new(&document, &machine()).expect("a plan");
    assert_eq!(plan.refusals(), [], "{case}");
    plan
}

fn machine() -> Vec<Interface> {
    let interface = |index: u32, name: &str, mac: &str| Interface {
        name: name.to_owned(),
        mac: mac.parse().expect("a MAC"),
        index,
    };
    vec![interface(2, "eth0", "fa:16:3e:00:00:01"), interface(3, "eth1", "fa:16:3e:00:00:02")]
}

fn image(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for file in files {
        touch(root.path(), file);
    }
    root
}

fn touch(root: &Path, file: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, "").expect("a file");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a name")
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}
