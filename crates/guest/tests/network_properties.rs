//! Whatever a document says, nothing breaks, and nothing but addresses, numbers and names gets
//! into a file.

use std::{fs, path::Path};

use innkeeper_guest::network::{Interface, Mac, NetworkError, Plan};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// Words that mean something somewhere in a document.
const WORDS: &[&str] = &[
    "links",
    "networks",
    "services",
    "id",
    "type",
    "link",
    "mtu",
    "ethernet_mac_address",
    "bond",
    "bond_mode",
    "bond_links",
    "bond_miimon",
    "vlan",
    "vlan_id",
    "vlan_link",
    "ipv4",
    "ipv6",
    "ipv4_dhcp",
    "ip_address",
    "netmask",
    "routes",
    "network",
    "gateway",
    "dns",
    "address",
    "fa:16:3e:00:00:01",
    "10.0.0.1",
    "255.255.255.0",
    "::",
    "802.3ad",
];

/// Texts that would be something else in a file.
const HOSTILE: &[&str] = &[
    "a\nup reboot",
    "[Match]",
    "eth0\n\n[Network]",
    "x;id",
    "$(id)",
    "`id`",
    "../../etc/x",
    "a b",
    "#",
    "-rf",
    "",
    ".",
    "..",
    "lo",
    "all",
    "default",
    "x\r\ny",
    "\0",
    "é",
    "%n",
    "a\\\nb",
    "0123456789abcdef",
    "%",
    "a=b",
    "a|b",
    "a&b",
];

/// Whether a line is of the program's file and means what was meant.
type Meant = fn(&str) -> bool;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_json_is_a_panic(document in any_json()) {
        if let Ok(plan) = Plan::new(&document, &machine("eth0", "eth1")) {
            plan.describe();
        }
    }

    #[test]
    fn a_bad_document_is_refused_by_place(document in hostile_document()) {
        match Plan::new(&document, &machine("eth0", "eth1")) {
            Ok(plan) => prop_assert_eq!(
                plan.describe().iter().filter(|line| line.contains('\n')).count(), 0
            ),
            Err(NetworkError::Document { path, .. }) => prop_assert!(!path.is_empty()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
}

proptest! {
    // Each case writes a dozen files to the disk.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn files_hold_only_what_was_meant(
        document in hostile_document(),
        name in prop_oneof![3 => Just("eth1"), 1 => select(HOSTILE)],
    ) {
        let Ok(plan) = Plan::new(&document, &machine("eth0", name)) else { return Ok(()) };
        let programs: [(&str, Meant); 3] = [
            ("etc/systemd/system/x.wants/systemd-networkd.service", is_networkd_line),
            ("usr/sbin/NetworkManager", is_keyfile_line),
            ("sbin/ifup", is_interfaces_line),
        ];
        for (program, is_meant) in programs {
            let root = tempfile::tempdir().expect("a folder");
            for file in [program, "usr/lib/systemd/systemd-networkd", "etc/network/interfaces"] {
                let path = root.path().join(file);
                fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
                fs::write(path, "").expect("a file");
            }
            for path in plan.persist(root.path()).expect("persisted") {
                let place = path.strip_prefix(root.path()).expect("under the root");
                prop_assert!(is_plain(place), "{}", place.display());
                for line in fs::read_to_string(&path).expect("a file").lines() {
                    prop_assert!(is_meant(line), "{}: {:?}", place.display(), line);
                }
            }
        }
    }
}

fn is_plain(place: &Path) -> bool {
    let text = place.to_str().unwrap_or("\n");
    !text.contains("..") && has_only(text, "/._-")
}

fn is_networkd_line(line: &str) -> bool {
    const SECTIONS: &[&str] =
        &["[Match]", "[NetDev]", "[Link]", "[Network]", "[Route]", "[Bond]", "[VLAN]"];
    const KEYS: &[&str] = &[
        "Name",
        "Kind",
        "MACAddress",
        "PermanentMACAddress",
        "Type",
        "MTUBytes",
        "Mode",
        "MIIMonitorSec",
        "TransmitHashPolicy",
        "Id",
        "Bond",
        "VLAN",
        "DHCP",
        "IPv6AcceptRA",
        "Address",
        "DNS",
        "Destination",
        "Gateway",
        "GatewayOnLink",
        "Metric",
    ];
    is_head(line)
        || SECTIONS.contains(&line)
        || is_setting(line, |key| KEYS.contains(&key), ".:/_-+")
}

fn is_keyfile_line(line: &str) -> bool {
    const SECTIONS: &[&str] =
        &["[connection]", "[ethernet]", "[bond]", "[vlan]", "[ipv4]", "[ipv6]"];
    const KEYS: &[&str] = &[
        "id",
        "type",
        "autoconnect-priority",
        "master",
        "slave-type",
        "mac-address",
        "interface-name",
        "mode",
        "miimon",
        "xmit_hash_policy",
        "cloned-mac-address",
        "parent",
        "mtu",
        "method",
        "dns",
    ];
    let is_key = |key: &str| {
        let numbered = |stem| {
            key.strip_prefix(stem).is_some_and(|rest: &str| {
                let number = rest.strip_suffix("_options").unwrap_or(rest);
                number.parse::<u16>().is_ok()
            })
        };
        KEYS.contains(&key) || numbered("address") || numbered("route")
    };
    is_head(line) || SECTIONS.contains(&line) || is_setting(line, is_key, ".:/_-+;,=")
}

fn is_interfaces_line(line: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "auto ",
        "iface ",
        "    address ",
        "    netmask ",
        "    gateway ",
        "    dns-nameservers ",
        "    accept_ra ",
        "    dhcp 1",
        "    up ip link set dev ",
        "    pre-up ip link set dev ",
        "    pre-up ip -4 address flush dev ",
        "    pre-up ip -6 address flush dev ",
        "    post-up ip -4 address replace ",
        "    post-up ip -6 address replace ",
        "    post-up ip -4 route replace ",
        "    post-up ip -6 route replace ",
        "    post-down ip link delete dev ",
    ];
    const MAKING: &str = "    pre-up test -e /sys/class/net/";
    const TESTING: &str = "    pre-up grep -qs . /sys/class/net/";
    if let Some((name, rest)) =
        line.strip_prefix(TESTING).and_then(|rest| rest.split_once("/bonding/slaves || "))
    {
        let orders: Vec<&str> = rest.split(" || ").collect();
        let has_settings = |order: &&str| order.starts_with("ip link ") && has_only(order, "._- +");
        return has_only(name, "._-") && orders.len() == 2 && orders.iter().all(has_settings);
    }
    let making = line.strip_prefix(MAKING).and_then(|rest| rest.split_once(" || ip link add "));
    if let Some((name, rest)) = making {
        return has_only(name, "._-") && has_only(rest, "._- +");
    }
    let is_mark = ["# begin innkeeper-guest", "# end innkeeper-guest"].contains(&line);
    let is_option = BEGINNINGS.iter().any(|beginning| line.starts_with(beginning));
    is_head(line) || is_mark || (is_option && has_only(line, ".:/_- "))
}

fn is_head(line: &str) -> bool {
    line.is_empty()
        || line == "# Written by innkeeper-guest from network_data.json; changes are lost."
}

fn is_setting(line: &str, is_key: impl Fn(&str) -> bool, allowed: &str) -> bool {
    line.split_once('=').is_some_and(|(key, value)| is_key(key) && has_only(value, allowed))
}

fn has_only(text: &str, allowed: &str) -> bool {
    text.chars().all(|char| char.is_ascii_alphanumeric() || allowed.contains(char))
}

fn machine(first: &str, second: &str) -> Vec<Interface> {
    [(first, 1), (second, 2)]
        .map(|(name, number)| Interface {
            name: name.to_owned(),
            mac: Mac([0xfa, 0x16, 0x3e, 0, 0, number]),
            index: u32::from(number),
        })
        .to_vec()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let member = (select(WORDS), inner.clone());
        prop_oneof![
            vec(inner, 0..6).prop_map(Value::from),
            vec(member, 0..8).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// Of the right shape, mostly, with texts that want to be more than texts.
fn hostile_document() -> impl Strategy<Value = Value> {
    let parts = (vec(link(), 0..6), vec(network(), 0..8), vec(service(), 0..3));
    parts.prop_map(|(links, networks, services)| {
        json!({"links": links, "networks": networks, "services": services})
    })
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&["a", "b", "bond7", "eth1"][..]).prop_map(str::to_owned),
        1 => select(HOSTILE).prop_map(str::to_owned),
    ]
}

fn link() -> impl Strategy<Value = Value> {
    let mac = select(&["fa:16:3e:00:00:01", "FA-16-3E-00-00-02", "fa:16:3e:00:00:03"][..]);
    let kind = prop_oneof![
        3 => select(&["ovs", "bond", "vlan"][..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let mode = prop_oneof![9 => Just("active-backup"), 1 => select(HOSTILE)];
    let members = vec(id(), 0..4);
    (id(), kind, mac, option::of(60_u32..70_000), mode, members, id(), 0_u32..5000).prop_map(
        |(id, kind, mac, mtu, mode, members, parent, vlan_id)| {
            json!({
                "id": id, "type": kind, "mtu": mtu, "ethernet_mac_address": mac,
                "bond_mode": mode, "bond_links": members,
                "vlan_link": parent, "vlan_id": vlan_id, "vlan_mac_address": mac,
            })
        },
    )
}

fn network() -> impl Strategy<Value = Value> {
    let kinds = [
        "ipv4",
        "ipv6",
        "ipv4_dhcp",
        "ipv6_dhcp",
        "ipv6_slaac",
        "ipv6_dhcpv6-stateless",
        "ipv6_dhcpv6-stateful",
        "ipv4\nx",
    ];
    let route = |is_ipv4: bool| {
        vec(
            address(is_ipv4).prop_map(move |gateway| {
                let (network, netmask) =
                    if is_ipv4 { ("10.9.0.0", "255.255.0.0") } else { ("::", "::") };
                json!({"network": network, "netmask": netmask, "gateway": gateway})
            }),
            0..3,
        )
    };
    (select(kinds.to_vec()), id(), id()).prop_flat_map(move |(kind, id, link)| {
        let is_ipv4 = kind.starts_with("ipv4");
        let netmask = if is_ipv4 { "255.255.255.0" } else { "ffff:ffff:ffff:ffff::" };
        (address(is_ipv4), route(is_ipv4), vec(service(), 0..3)).prop_map(
            move |(address, routes, services)| {
                json!({
                    "id": id, "type": kind, "link": link, "ip_address": address,
                    "netmask": netmask, "routes": routes, "services": services,
                })
            },
        )
    })
}

fn address(is_ipv4: bool) -> impl Strategy<Value = String> {
    let good = if is_ipv4 {
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()).boxed()
    } else {
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()).boxed()
    };
    prop_oneof![30 => good, 1 => select(HOSTILE).prop_map(str::to_owned)]
}

fn service() -> impl Strategy<Value = Value> {
    prop_oneof![address(true), address(false)]
        .prop_map(|address| json!({"type": "dns", "address": address}))
}
