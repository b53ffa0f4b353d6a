//! The plan in force, as the kernel tells it, in a network of the test's own.

use std::{error::Error, fs, path::Path, process::Command};

use innkeeper_guest::network::{Interface, NetworkError, Plan, interfaces, set_up_link_local};
use innkeeper_lab::isolated;
use serde_json::{Value, json};

#[test]
fn what_is_asked_for_is_in_force() {
    isolated(|| {
        two_interfaces();
        let plan = Plan::new(&document("static"), &interfaces().expect("interfaces"));
        let plan = plan.expect("a plan");
        assert_eq!(plan.refusals(), []);
        let folder = tempfile::tempdir()?;
        let resolv_conf = folder.path().join("resolv.conf");
        let said = plan.apply_with(&resolv_conf).expect("applied");
        assert_eq!(
            said,
            [
                "eth0: MTU 1442, up, 10.1.0.5/24, 2001:db8:1::5/64, default by 10.1.0.1, \
                 10.99.0.0/16 by 10.1.0.254, default by 2001:db8:1::1, 2001:db8:99::/48 by fe80::1"
                    .to_owned(),
                "eth1: up, 10.2.0.7/32, 10.3.0.7/24, default by 10.9.9.1".to_owned(),
                format!(
                    "{}: name servers 8.8.8.8, 8.8.4.4, 2001:4860:4860::8888",
                    resolv_conf.display()
                ),
            ]
        );
        assert_in_force();
        assert_eq!(plan.apply_with(&resolv_conf).expect("applied again"), said, "twice is once");
        assert_in_force();
        Ok(())
    });
}

#[test]
fn an_address_that_changed_its_prefix_gets_it() {
    isolated(|| {
        two_interfaces();
        ip("addr add 10.1.0.5/16 dev eth0");
        ip("link set eth0 up");
        ip("route add default via 10.1.0.77 dev eth0");
        let folder = tempfile::tempdir()?;
        let plan = Plan::new(&document("static"), &interfaces().expect("interfaces"));
        plan.expect("a plan").apply_with(&folder.path().join("resolv.conf")).expect("applied");
        let routes = routes("-4");
        assert!(routes.contains(&"default via 10.1.0.1 dev eth0".to_owned()), "{routes:?}");
        assert!(addresses("eth0").contains(&"10.1.0.5/24".to_owned()));
        Ok(())
    });
}

#[test]
fn one_failure_keeps_nothing_else_from_being_applied() {
    isolated(|| {
        two_interfaces();
        let link = |id: &str, mac: &str| json!({"id": id, "type": "ovs", "ethernet_mac_address": mac, "mtu": 1400});
        let network = |link: &str, address: &str| json!({"type": "ipv4", "link": link, "ip_address": address, "netmask": "255.255.255.0"});
        let document = json!({
            "links": [link("gone", "fa:16:3e:00:00:77"), link("a", "fa:16:3e:00:00:01"), link("b", "fa:16:3e:00:00:02"),],
            "networks": [network("gone", "10.0.0.5"), network("a", "10.1.0.5"), network("b", "10.2.0.5")],
        });
        let plan = Plan::new(&document, &interfaces().expect("interfaces")).expect("a plan");
        assert_eq!(
            plan.refusals()[0].to_string(),
            "link \"gone\": no interface of this machine has the MAC address fa:16:3e:00:00:77"
        );
        // The first interface goes away between the plan and now.
        ip("link del eth0");
        let folder = tempfile::tempdir()?;
        let error = plan.apply_with(&folder.path().join("resolv.conf")).expect_err("a failure");
        let NetworkError::PartlyApplied { done, failed } = &error else {
            panic!("another error: {error}");
        };
        assert!(
            failed.iter().any(|line| line.starts_with("eth0: cannot set 10.1.0.5/24")),
            "{failed:?}"
        );
        assert!(done.contains(&"eth1: MTU 1400, up, 10.2.0.5/24".to_owned()), "{done:?}");
        assert!(addresses("eth1").contains(&"10.2.0.5/24".to_owned()));
        Ok(())
    });
}

#[test]
fn only_ethernet_interfaces_count_and_each_gets_a_link_local_address() {
    isolated(|| {
        two_interfaces();
        // A bridge takes a part's address: the document means neither the bridge nor a stranger.
        ip("link add br0 type bridge");
        ip("link set peer1 master br0");
        let found = interfaces().expect("interfaces");
        let eth0: Vec<&Interface> = found.iter().filter(|one| one.name == "eth0").collect();
        assert_eq!(eth0.len(), 1, "{found:?}");
        assert_eq!(eth0[0].mac.to_string(), "fa:16:3e:00:00:01");
        assert!(found.iter().all(|one| one.name != "lo" && one.name != "br0"), "{found:?}");

        let usable = set_up_link_local().expect("link-local addresses");
        assert!(usable.contains(eth0[0]), "{usable:?}");
        let addresses = addresses("eth0");
        assert_eq!(addresses, ["fe80::f816:3eff:fe00:1/64"]);
        Ok(())
    });
}

fn assert_in_force() {
    // Link-local addresses come when the kernel has seen the cable.
    let of_the_document = |name: &str| {
        let all = addresses(name).into_iter();
        all.filter(|address| !address.starts_with("fe80:")).collect::<Vec<_>>()
    };
    assert_eq!(of_the_document("eth0"), ["10.1.0.5/24", "2001:db8:1::5/64"]);
    assert_eq!(of_the_document("eth1"), ["10.2.0.7/32", "10.3.0.7/24"]);
    assert_eq!(show("link show dev eth0")[0]["mtu"], 1442);
    assert_eq!(
        routes("-4"),
        [
            "default via 10.1.0.1 dev eth0",
            "default via 10.9.9.1 dev eth1 metric 1025 onlink",
            "10.1.0.0/24 dev eth0",
            "10.3.0.0/24 dev eth1",
            "10.99.0.0/16 via 10.1.0.254 dev eth0",
        ]
    );
    let of_the_document = |route: &String| !route.starts_with("fe80::/64");
    let ipv6: Vec<String> = routes("-6").into_iter().filter(of_the_document).collect();
    assert_eq!(
        ipv6,
        [
            "2001:db8:1::/64 dev eth0 metric 256",
            "2001:db8:99::/48 via fe80::1 dev eth0 metric 1024",
            "default via 2001:db8:1::1 dev eth0 metric 1024",
        ]
    );
}

/// `eth0` and `eth1`, with their other ends up.
fn two_interfaces() {
    for number in [0, 1] {
        let mac = number + 1;
        ip(&format!(
            "link add eth{number} address fa:16:3e:00:00:0{mac} type veth peer name peer{number}"
        ));
        ip(&format!("link set peer{number} up"));
    }
}

fn addresses(name: &str) -> Vec<String> {
    let shown = show(&format!("addr show dev {name}"));
    let list = shown[0]["addr_info"].as_array().expect("addresses");
    let text = |address: &Value| {
        format!("{}/{}", address["local"].as_str().expect("an address"), address["prefixlen"])
    };
    list.iter().map(text).collect()
}

fn routes(family: &str) -> Vec<String> {
    let shown = show(&format!("{family} route show"));
    let text = |route: &Value| {
        let mut words = vec![route["dst"].as_str().expect("a destination").to_owned()];
        for (key, word) in [("gateway", "via"), ("dev", "dev"), ("metric", "metric")] {
            match &route[key] {
                Value::String(value) => words.push(format!("{word} {value}")),
                Value::Number(value) => words.push(format!("{word} {value}")),
                _ => {}
            }
        }
        if route["flags"].as_array().is_some_and(|flags| flags.contains(&json!("onlink"))) {
            words.push("onlink".to_owned());
        }
        words.join(" ")
    };
    let list = shown.as_array().expect("routes");
    list.iter()
        .filter(|route| !route["dev"].as_str().unwrap_or("").starts_with("peer"))
        .map(text)
        .collect()
}

fn show(arguments: &str) -> Value {
    let output = Command::new("ip").arg("-j").args(arguments.split(' ')).output().expect("ip");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

fn document(case: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/network_documents");
    let read = || -> Result<Value, Box<dyn Error>> {
        Ok(serde_json::from_slice(&fs::read(folder.join(format!("{case}.json")))?)?)
    };
    read().expect("a document")
}
