//! Guests whose link-local address says nothing of their port.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod lab;
mod scripted;

use std::time::Duration;

use innkeeper_model::{NetworkId, PortId, RouterId};
use scripted::{
    Running,
    guest::{body, get_on},
    lan::{self, SERVICE_LINK, connect_v6},
};

/// Waiting for what comes at once, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// An address that a guest has made from a secret of its own (RFC 7217).
const STABLE_PRIVACY: &str = "fe80::1234:5678:9abc:def0";

#[test]
fn a_guarded_network_tells_who_asks() {
    lab::run_async("a_guarded_network_tells_who_asks", async || {
        let running = Running::start();
        let id = NetworkId::random();
        let name = format!("qdhcp-{id}");
        lan::make("lan");
        lan::serve("lan", &name);
        lan::guest("lan", "guest", 5, Some(STABLE_PRIVACY));
        lan::guest("lan", "plain", 6, None);
        await_namespace(&running);
        let asked = |guest| said(guest).replace(&format!("network {id} "), "");
        let port = PortId::random();
        for unguarded in ["", "somebody:guarded", &format!("innkeeper:{port}")] {
            mark(&name, SERVICE_LINK, unguarded);
            assert_eq!(asked("guest"), format!("{STABLE_PRIVACY} 0"), "{unguarded:?}");
        }
        mark(&name, SERVICE_LINK, &format!("innkeeper:{port}:guarded"));
        assert_eq!(asked("guest"), "fe80::f816:3eff:fe00:5 0");
        assert_eq!(asked("plain"), "fe80::f816:3eff:fe00:6 0");
        let fixed = get_on(connect_v6("guest", Some("2001:db8::5")).unwrap(), "/");
        assert_eq!(body(&fixed), format!("network {id} 2001:db8::5 0"));
    });
}

#[test]
fn many_at_once_are_all_told_apart() {
    lab::run_async("many_at_once_are_all_told_apart", async || {
        const CONNECTIONS: usize = 300;
        let running = Running::start();
        let name = format!("qdhcp-{}", NetworkId::random());
        lan::make("lan");
        lan::serve("lan", &name);
        lan::guest("lan", "guest", 5, Some(STABLE_PRIVACY));
        await_namespace(&running);
        mark(&name, SERVICE_LINK, &format!("innkeeper:{}:guarded", PortId::random()));
        let streams: Vec<_> =
            (0..CONNECTIONS).map(|_| connect_v6("guest", None).unwrap()).collect();
        for stream in streams {
            assert!(body(&get_on(stream, "/")).contains(" fe80::f816:3eff:fe00:5 "));
        }
    });
}

#[test]
fn what_another_link_knows_names_nobody() {
    lab::run_async("what_another_link_knows_names_nobody", async || {
        let running = Running::start();
        let id = RouterId::random();
        let name = format!("qrouter-{id}");
        lan::make("lan1");
        lan::make("lan2");
        lan::serve("lan1", &name);
        lan::plug("lan2", "service", &name, "ns-two", "fa:16:3e:00:00:03");
        lab::ip_in(&name, "link set ns-two up");
        lab::ip_in(&name, "addr add fe80::a9fe:a9fe/64 dev ns-two");
        lab::shell_in(
            &name,
            "nft add table ip6 lab; \
             nft 'add chain ip6 lab pre { type nat hook prerouting priority -100; }'; \
             nft add rule ip6 lab pre ip6 daddr fe80::a9fe:a9fe tcp dport 80 redirect to :9697",
        );
        lan::guest("lan1", "one", 5, Some(STABLE_PRIVACY));
        lan::guest("lan2", "two", 6, Some(STABLE_PRIVACY));
        await_namespace(&running);
        let asked = |guest| said(guest).replace(&format!("router {id} "), "");
        // Both are in the table by now, under one address.
        mark(&name, "ns-two", &format!("innkeeper:{}:guarded", PortId::random()));
        assert_eq!(asked("two"), "fe80::f816:3eff:fe00:6 0");
        assert_eq!(asked("one"), format!("{STABLE_PRIVACY} 0"), "its network is not guarded");
        mark(&name, SERVICE_LINK, &format!("innkeeper:{}:guarded", PortId::random()));
        assert_eq!(asked("one"), "fe80::f816:3eff:fe00:5 0");
        assert_eq!(asked("two"), "fe80::f816:3eff:fe00:6 0");
    });
}

/// What the service says to a guest that asks over IPv6.
fn said(guest: &str) -> String {
    body(&get_on(connect_v6(guest, None).unwrap(), "/")).to_owned()
}

fn mark(namespace: &str, link: &str, alias: &str) {
    lab::shell_in(namespace, &format!("ip link set {link} alias '{alias}'"));
}

fn await_namespace(running: &Running) {
    lab::wait_for("the namespace", PATIENCE, || running.proxy.status().namespaces == 1);
}
