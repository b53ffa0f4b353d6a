//! At which addresses guests are served, in both families.

mod lab;
mod scripted;

use std::{
    io::{ErrorKind, Read},
    net::TcpListener,
    time::Duration,
};

use innkeeper_model::{MetadataPath, NetworkId, RouterId};
use innkeeper_proxy::ProxyConfig;
use scripted::{
    Running,
    guest::{body, connect, get, get_on},
    lan::{self, connect_v6},
};

/// Waiting for what comes at once, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_network_is_served_in_both_families() {
    lab::run_async("a_network_is_served_in_both_families", async || {
        let running = Running::start();
        for (number, kind) in ["qdhcp", "ovnmeta"].into_iter().enumerate() {
            let (lan, guest) = (format!("lan{number}"), format!("guest{number}"));
            let id = NetworkId::random();
            lan::make(&lan);
            lan::serve(&lan, &format!("{kind}-{id}"));
            lan::guest(&lan, &guest, 5, None);
            await_namespaces(&running, number + 1);
            let over_v6 = |source| get_on(connect_v6(&guest, source).unwrap(), "/");
            assert_eq!(body(&get(&guest, "/")), format!("network {id} 10.0.0.5 0"));
            let link_local = format!("network {id} fe80::f816:3eff:fe00:5 0");
            assert_eq!(body(&over_v6(None)), link_local);
            let fixed = format!("network {id} 2001:db8::5 0");
            assert_eq!(body(&over_v6(Some("2001:db8::5"))), fixed);
        }
        assert!(running.counts("innkeeper_proxy_misdirected_connections_total 0"));
    });
}

#[test]
fn what_came_to_another_address_is_reset_unread() {
    lab::run_async("what_came_to_another_address_is_reset_unread", async || {
        let running = Running::start();
        lan::make("lan");
        let namespace = format!("qdhcp-{}", NetworkId::random());
        lan::serve("lan", &namespace);
        lan::guest("lan", "guest", 5, None);
        await_namespaces(&running, 1);
        let link_local = format!("[fe80::f816:3eff:fe00:2%{}]:80", lan::index("guest", "eth0"));
        for (number, (from, address)) in [
            ("guest", "10.0.0.2:80"),
            ("guest", "[2001:db8::2]:80"),
            ("guest", link_local.as_str()),
            (namespace.as_str(), "127.0.0.1:80"),
        ]
        .into_iter()
        .enumerate()
        {
            if from == namespace {
                lab::ip_in(from, "link set lo up");
            }
            // Nothing is sent: the reset waits for nothing.
            let read = connect(from, address).and_then(|mut stream| stream.read(&mut [0]));
            assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset, "{address}");
            let line = format!("innkeeper_proxy_misdirected_connections_total {}", number + 1);
            lab::wait_for(&line, PATIENCE, || running.counts(&line));
        }
        assert_eq!(running.proxy.status().connections, 0);
        assert!(running.next.seen.lock().unwrap().is_empty());
        assert!(body(&get("guest", "/")).contains("10.0.0.5"));
    });
}

#[test]
fn a_router_with_the_address_itself_is_served_at_it() {
    lab::run_async("a_router_with_the_address_itself_is_served_at_it", async || {
        let metadata_path = MetadataPath::Address;
        let running = Running::start_with(ProxyConfig { metadata_path, ..ProxyConfig::default() });
        let id = RouterId::random();
        lan::make("lan");
        lan::serve("lan", &format!("qrouter-{id}"));
        lan::guest("lan", "guest", 5, None);
        // To this guest every link-local address is a neighbour's.
        lab::ip_in("guest", "route replace 169.254.0.0/16 dev eth0");
        lab::ip_in("guest", "route del 169.254.169.254/32");
        await_namespaces(&running, 1);
        assert_eq!(body(&get("guest", "/")), format!("router {id} 10.0.0.5 0"));
        let answer = get_on(connect_v6("guest", None).unwrap(), "/");
        assert_eq!(body(&answer), format!("router {id} fe80::f816:3eff:fe00:5 0"));
        let elsewhere = connect("guest", "10.0.0.2:80").and_then(|mut to| to.read(&mut [0]));
        assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let redirected = connect("guest", "10.0.0.2:9697").unwrap_err();
        assert_eq!(redirected.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn an_address_that_somebody_else_has_takes_nothing_down() {
    lab::run_async("an_address_that_somebody_else_has_takes_nothing_down", async || {
        let running = Running::start();
        let id = NetworkId::random();
        let name = format!("qdhcp-{id}");
        lan::make("lan");
        lan::serve("lan", &name);
        lab::ip_in(&name, &format!("addr del fe80::a9fe:a9fe/64 dev {}", lan::SERVICE_LINK));
        lan::namespace("other");
        lan::plug("lan", "other", "other", "eth0", "fa:16:3e:00:00:03");
        lab::ip_in("other", "link set eth0 up");
        lab::ip_in("other", "addr add fe80::a9fe:a9fe/64 dev eth0");
        lan::guest("lan", "guest", 5, None);
        await_namespaces(&running, 1);

        let link = lan::SERVICE_LINK;
        lab::shell_in(&name, "cd /proc/sys/net/ipv6/conf; echo 1 > all/accept_dad");
        lab::shell_in(&name, &format!("echo 1 > /proc/sys/net/ipv6/conf/{link}/accept_dad"));
        lab::ip_in(&name, &format!("addr add fe80::a9fe:a9fe/64 dev {link}"));
        lab::wait_for("the check to fail", PATIENCE, || {
            lab::ip_in(&name, &format!("-6 addr show dev {link}")).contains("dadfailed")
        });
        assert_eq!(body(&get("guest", "/")), format!("network {id} 10.0.0.5 0"));
        assert!(connect_v6("guest", None).is_err());

        // The other one goes, and the address is given anew: the same listener is asked.
        lab::ip("netns del other");
        lab::ip_in(&name, &format!("addr del fe80::a9fe:a9fe/64 dev {link}"));
        lab::ip_in(&name, &format!("addr add fe80::a9fe:a9fe/64 dev {link} nodad"));
        lab::ip_in("guest", "-6 neigh flush dev eth0");
        lab::wait_for("IPv6 to be served", PATIENCE, || connect_v6("guest", None).is_ok());
        let answer = get_on(connect_v6("guest", None).unwrap(), "/");
        assert_eq!(body(&answer), format!("network {id} fe80::f816:3eff:fe00:5 0"));
        assert_eq!(running.proxy.status().troubles, []);
    });
}

#[test]
fn a_namespace_with_ipv6_turned_off_is_served_over_ipv4() {
    lab::run_async("a_namespace_with_ipv6_turned_off_is_served_over_ipv4", async || {
        let (network, router) = (NetworkId::random(), RouterId::random());
        for (name, guest) in
            [(format!("qdhcp-{network}"), "guest0"), (format!("qrouter-{router}"), "guest1")]
        {
            lab::ip(&format!("netns add {name}"));
            lab::shell_in(&name, "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
            lab::shell_in(&name, "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
            lan::make(&format!("lan-{guest}"));
            lan::plug(&format!("lan-{guest}"), "service", &name, "ns", "fa:16:3e:00:00:02");
            lab::ip_in(&name, "link set ns up");
            lab::ip_in(&name, "addr add 10.0.0.2/24 dev ns");
            lab::ip_in(&name, "addr add 169.254.169.254/32 dev ns");
            lan::guest(&format!("lan-{guest}"), guest, 5, None);
        }
        let metadata_path = MetadataPath::Address;
        let running = Running::start_with(ProxyConfig { metadata_path, ..ProxyConfig::default() });
        await_namespaces(&running, 2);
        assert_eq!(body(&get("guest0", "/")), format!("network {network} 10.0.0.5 0"));
        assert_eq!(body(&get("guest1", "/")), format!("router {router} 10.0.0.5 0"));
    });
}

#[test]
fn another_program_at_the_address_itself_is_reported() {
    lab::run_async("another_program_at_the_address_itself_is_reported", async || {
        let name = format!("qdhcp-{}", NetworkId::random());
        lan::make("lan");
        lan::serve("lan", &name);
        lan::guest("lan", "guest", 5, None);
        let holder = lab::inside(&name, || TcpListener::bind("169.254.169.254:80").unwrap());
        let running = Running::start();
        lab::wait_for("the trouble", PATIENCE, || running.proxy.status().troubles.len() == 1);
        let trouble = running.proxy.status().troubles.remove(0);
        assert!(trouble.error.contains("80 is taken by another program"), "{trouble:?}");
        drop(holder);
        await_namespaces(&running, 1);
        assert!(body(&get("guest", "/")).contains("10.0.0.5"));
    });
}

fn await_namespaces(running: &Running, count: usize) {
    let what = format!("{count} namespaces");
    lab::wait_for(&what, PATIENCE, || running.proxy.status().namespaces == count);
}
