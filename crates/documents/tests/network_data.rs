//! Every kind of link and of network that `network_data.json` has.

#![allow(clippy::panic, reason = "helpers of tests panic as tests do")]

use innkeeper_documents::{CivilDate, Entry, GuestTree, OpenStackVersion, Settings};
use innkeeper_model::ImportedInstance;
use serde_json::{Value, json};

fn network_data(vifs: &[Value]) -> Value {
    network_data_with(vifs, &Settings::default())
}

fn network_data_with(vifs: &[Value], settings: &Settings) -> Value {
    let machine = json!({
        "uuid": "b65cee2f-8c69-4aeb-be2f-f79742548fc2", "project_id": "p", "hostname": "web",
        "launch_index": 0, "flavor": {"name": "m1"}, "network_info": vifs,
    });
    let machine: ImportedInstance = serde_json::from_value(machine).expect("a machine");
    let record = machine.record().expect("a machine");
    let tree = GuestTree::new(&record, settings, CivilDate::from_unix(0));
    let Some(Entry::File(file)) = tree.get("/openstack/latest/network_data.json") else {
        panic!("no network_data.json")
    };
    serde_json::from_slice(&file.render(&mut |_| {})).expect("JSON")
}

fn vif(subnets: &Value) -> Value {
    json!({
        "id": "port", "address": "fa:16:3e:00:00:01", "type": "ovs", "devname": null,
        "network": {"id": "net", "subnets": subnets, "meta": {"mtu": 1450}},
    })
}

fn ipv4() -> Value {
    json!({"cidr": "10.0.0.0/24", "ips": [{"address": "10.0.0.5"}]})
}

fn ipv6(meta: &Value) -> Value {
    json!({"cidr": "2001:db8::/64", "ips": [{"address": "2001:db8::5"}], "meta": meta})
}

#[test]
fn link_types() {
    let link_type = |vif_type: Value| {
        let mut vif = vif(&json!([ipv4()]));
        vif["type"] = vif_type;
        network_data(&[vif])["links"][0]["type"].clone()
    };
    for known in ["bridge", "dvs", "hw_veb", "hyperv", "ovs", "tap", "vhostuser", "vif"] {
        assert_eq!(link_type(json!(known)), known);
    }
    for other in ["macvtap", "ib_hostdev", "hostdev_physical", "unbound", "binding_failed", "OVS"] {
        assert_eq!(link_type(json!(other)), "phy", "{other}");
    }
    assert_eq!(link_type(Value::Null), "phy");
}

#[test]
fn network_types() {
    let server = json!("2001:db8::2");
    for (subnet, kind, in_full) in [
        (ipv4(), "ipv4", true),
        (ipv6(&json!({})), "ipv6", true),
        (ipv6(&json!({"enable_dhcp": false})), "ipv6", true),
        (ipv6(&json!({"enable_dhcp": true})), "ipv6_dhcp", false),
        (ipv6(&json!({"dhcp_server": server})), "ipv6_dhcp", false),
        (ipv6(&json!({"ipv6_address_mode": "slaac"})), "ipv6_slaac", true),
        (
            ipv6(&json!({"ipv6_address_mode": "dhcpv6-stateless", "enable_dhcp": true})),
            "ipv6_dhcpv6-stateless",
            true,
        ),
        (
            ipv6(&json!({"ipv6_address_mode": "dhcpv6-stateful", "dhcp_server": server})),
            "ipv6_dhcpv6-stateful",
            true,
        ),
    ] {
        let network = &network_data(&[vif(&json!([subnet]))])["networks"][0];
        assert_eq!(network["type"], kind);
        let keys: Vec<_> = network.as_object().expect("a network").keys().collect();
        let expected: &[&str] = match in_full {
            true => {
                &["id", "type", "link", "ip_address", "netmask", "routes", "network_id", "services"]
            }
            false => &["id", "type", "link", "network_id"],
        };
        assert_eq!(keys, expected, "{kind}");
    }
}

#[test]
fn the_mtu_is_hidden_by_a_dhcp_port_of_any_family_and_of_any_subnet() {
    let mtu = |subnets: &Value| network_data(&[vif(subnets)])["links"][0]["mtu"].clone();
    let by_port = ipv6(&json!({"dhcp_server": "2001:db8::2"}));
    assert_eq!(mtu(&json!([ipv4()])), 1450);
    assert_eq!(mtu(&json!([ipv4(), ipv6(&json!({"enable_dhcp": true}))])), 1450);
    assert_eq!(mtu(&json!([ipv4(), by_port])), Value::Null);
    assert_eq!(mtu(&json!([ipv4(), ipv6(&json!({})), by_port])), Value::Null, "a subnet not shown");
}

#[test]
fn routes_and_masks() {
    let subnet = |cidr: &str, address: &str, gateway: &str, routes: &[&str]| {
        let gateway = json!({ "address": gateway });
        let routes: Vec<_> =
            routes.iter().map(|cidr| json!({"cidr": cidr, "gateway": gateway})).collect();
        json!({"cidr": cidr, "ips": [{"address": address}], "gateway": gateway, "routes": routes})
    };
    let route = |network: &str, netmask: &str, gateway: &str| json!({"network": network, "netmask": netmask, "gateway": gateway});
    let data = network_data(&[vif(&json!([
        subnet("10.0.0.0/22", "10.0.0.5", "10.0.0.1", &["172.16.9.9/12", "0.0.0.0/0"]),
        subnet("2001:db8::/64", "2001:db8::5", "fe80::1", &["2001:db8:9::1/48"]),
    ]))]);
    let [v4, v6] = [&data["networks"][0], &data["networks"][1]];
    assert_eq!(v4["netmask"], "255.255.252.0");
    let default = route("0.0.0.0", "0.0.0.0", "10.0.0.1");
    let masked = route("172.16.0.0", "255.240.0.0", "10.0.0.1");
    assert_eq!(v4["routes"], json!([default, masked, default]), "a second default route is kept");
    assert_eq!(v6["netmask"], "ffff:ffff:ffff:ffff::");
    let own = route("2001:db8:9::", "ffff:ffff:ffff::", "fe80::1");
    assert_eq!(v6["routes"], json!([route("::", "::", "fe80::1"), own]));
}

#[test]
fn the_first_subnet_and_the_first_address_of_each_family_count() {
    let second = json!({"cidr": "10.9.0.0/24", "ips": [{"address": "10.9.0.5"}],
                        "dns": [{"address": "9.9.9.9"}]});
    let first = json!({"cidr": "10.0.0.0/24",
                       "ips": [{"address": "10.0.0.5"}, {"address": "10.0.0.6"}]});
    let data = network_data(&[vif(&json!([ipv6(&json!({})), first, second]))]);
    let shown: Vec<_> = data["networks"].as_array().expect("networks").iter().collect();
    assert_eq!(shown.len(), 2);
    assert_eq!(
        (&shown[0]["id"], &shown[0]["ip_address"]),
        (&json!("network0"), &json!("10.0.0.5"))
    );
    assert_eq!(shown[1]["ip_address"], "2001:db8::5", "IPv4 comes first, whatever the order");
    assert_eq!(data["services"], json!([]));
}

#[test]
fn what_is_not_shown_takes_no_number() {
    let mut without_network = vif(&json!([]));
    without_network["network"] = Value::Null;
    let without_address = json!({"cidr": "10.0.0.0/24", "dns": [{"address": "9.9.9.9"}]});
    let data = network_data(&[
        without_network,
        vif(&json!([])),
        vif(&json!([without_address])),
        vif(&json!([ipv4()])),
    ]);
    let ids = |key: &str| -> Vec<Value> {
        data[key].as_array().expect("a list").iter().map(|item| item["id"].clone()).collect()
    };
    assert_eq!(ids("links"), ["interface0", "interface1"]);
    assert_eq!(ids("networks"), ["network0"]);
    assert_eq!(data["networks"][0]["link"], "interface1");
    assert_eq!(data["services"], json!([]), "of subnets with an address only");
}

#[test]
fn servers_of_dhcp_networks_are_named_at_the_top_only() {
    let mut subnet = ipv4();
    subnet["meta"] = json!({"enable_dhcp": true});
    subnet["dns"] = json!([{"address": "9.9.9.9"}]);
    let data = network_data(&[vif(&json!([subnet]))]);
    assert_eq!(data["services"], json!([{"type": "dns", "address": "9.9.9.9"}]));
    assert_eq!(data["networks"][0].get("services"), None);
}

/// OVN's shape: no port of a DHCP server, only the subnet's flag.
#[test]
fn the_flag_of_a_subnet_counts_as_of_the_newest_version() {
    let subnet = json!({"cidr": "10.0.0.0/24", "ips": [{"address": "10.0.0.5"}],
        "meta": {"enable_dhcp": true}});
    let kind = |newest| {
        let settings = Settings { newest_openstack_version: newest, ..Settings::default() };
        let document = network_data_with(&[vif(&json!([subnet]))], &settings);
        document["networks"][0]["type"].as_str().map(str::to_owned)
    };
    assert_eq!(kind(OpenStackVersion::V2025_04_04).as_deref(), Some("ipv4_dhcp"));
    assert_eq!(kind(OpenStackVersion::V2020_10_14).as_deref(), Some("ipv4"));
}
