//! The DHCP server on a bridge, asked by clients in namespaces of their own.

#[path = "dhcp_lab/mod.rs"]
mod dhcp_lab;
#[path = "../../proxy/tests/lab/mod.rs"]
mod lab;

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dhcp_lab::{Blue, RawClient, options};
use innkeeper_host::dhcp::{DhcpError, DhcpLookup, DhcpServer, DhcpSettings};
use innkeeper_model::{DhcpBinding, MacAddress, NetworkId, PortId};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::runtime::Handle;

const PATIENCE: Duration = Duration::from_secs(10);
/// Uses the address, as a guest would, and writes down all that it was told.
const UDHCPC_SCRIPT: &str = r#"#!/bin/sh
if [ -n "$ip" ]; then ip addr replace "$ip/$mask" dev "$interface"; fi
set >"/run/udhcpc.$1.part"
mv "/run/udhcpc.$1.part" "/run/udhcpc.$1"
"#;
const GUEST: MacAddress = MacAddress::generated([0, 0, 5]);

/// Knows [`GUEST`] only, as 10.0.0.5, unless it is `away`.
fn lookup(away: &Arc<AtomicBool>) -> DhcpLookup {
    let away = Arc::clone(away);
    Arc::new(move |_: NetworkId, mac| {
        let is_away = away.load(Ordering::SeqCst);
        Box::pin(async move {
            let binding = DhcpBinding {
                port_id: PortId::random(),
                addresses: vec![[10, 0, 0, 5].into()],
                host_name: Some("vm-one".to_owned()),
                extra_options: Vec::new(),
            };
            if is_away { Err("away".to_owned()) } else { Ok((mac == GUEST).then_some(binding)) }
        })
    })
}

fn server() -> (DhcpServer, Arc<AtomicBool>) {
    let away = Arc::new(AtomicBool::new(false));
    let settings =
        DhcpSettings { domain: Some("cloud.example".to_owned()), ..DhcpSettings::default() };
    let server = DhcpServer::new(settings, lookup(&away), Handle::current());
    (server.expect("root may send frames"), away)
}

#[test]
fn udhcpc_gets_its_address_and_its_routes_renews_and_releases() {
    let name = "udhcpc_gets_its_address_and_its_routes_renews_and_releases";
    lab::run_async(name, async || {
        let blue = Blue::new("blue");
        blue.plug_in("guest", GUEST);
        let (server, _) = server();
        assert!(server.update(vec![blue.target()]).is_empty());
        fs::write("/run/udhcpc.sh", UDHCPC_SCRIPT).unwrap();
        lab::shell_in("guest", "chmod +x /run/udhcpc.sh");
        let words = "netns exec guest busybox udhcpc -i eth0 -f -R -t 5 -T 1 -s /run/udhcpc.sh";
        let mut udhcpc = Command::new("ip").args(words.split(' ')).spawn().unwrap();
        let heard = |event: &str| fs::read_to_string(format!("/run/udhcpc.{event}")).ok();
        lab::wait_for("an address", PATIENCE, || heard("bound").is_some());
        let set = heard("bound").unwrap();
        for line in [
            "ip='10.0.0.5'",
            "subnet='255.255.255.0'",
            "router='10.0.0.1'",
            "serverid='10.0.0.2'",
            "hostname='vm-one'",
            "domain='cloud.example'",
            "dns='9.9.9.9'",
            "lease='86400'",
            "staticroutes='169.254.169.254/32 10.0.0.2 0.0.0.0/0 10.0.0.1'",
        ] {
            assert!(set.lines().any(|set| set == line), "no {line} in:\n{set}");
        }
        assert_eq!(server.status().networks, [blue.network.id]);

        // Renewing is by unicast, through the kernels of both sides.
        let udhcpc_id = Pid::from_child(&udhcpc);
        kill_process(udhcpc_id, Signal::USR1).unwrap();
        lab::wait_for("a renewal", PATIENCE, || heard("renew").is_some());
        kill_process(udhcpc_id, Signal::TERM).unwrap();
        assert!(udhcpc.wait().is_ok());
        assert!(heard("deconfig").is_some());
        assert_eq!(server.status().troubles, []);
    });
}

/// A network full of noise whose lookups never end, beside one that has a guest.
#[test]
fn a_flood_in_one_network_does_not_starve_another() {
    lab::run_async("a_flood_in_one_network_does_not_starve_another", async || {
        let (noisy, quiet) = (Blue::new("noisy"), Blue::new("quiet"));
        noisy.plug_in("flood", MacAddress::generated([9, 0, 0]));
        quiet.plug_in("guest", GUEST);
        let (hangs, known) = (noisy.network.id, lookup(&Arc::default()));
        let lookup: DhcpLookup = Arc::new(move |network, mac| {
            if network == hangs { Box::pin(std::future::pending()) } else { known(network, mac) }
        });
        let server = DhcpServer::new(DhcpSettings::default(), lookup, Handle::current()).unwrap();
        assert!(server.update(vec![noisy.target(), quiet.target()]).is_empty());
        let mut flood = RawClient::new("flood", MacAddress::generated([9, 0, 0]));
        let discover = options(&[&[53, 1, 1]]);
        for last in 0..200 {
            flood.become_another(MacAddress::generated([9, 1, last]));
            flood.say(&discover, true);
        }
        let mut guest = RawClient::new("guest", GUEST);
        for _ in 0..5 {
            assert!(guest.ask(&discover, false).is_some(), "starved");
        }
    });
}

#[test]
fn replies_go_where_the_client_can_receive_and_strangers_hear_nothing() {
    let name = "replies_go_where_the_client_can_receive_and_strangers_hear_nothing";
    lab::run_async(name, async || {
        let blue = Blue::new("blue");
        blue.plug_in("guest", GUEST);
        blue.plug_in("other", MacAddress::generated([0, 0, 6]));
        let (server, _) = server();
        assert!(server.update(vec![blue.target()]).is_empty());
        let mut guest = RawClient::new("guest", GUEST);
        let mut other = RawClient::new("other", MacAddress::generated([0, 0, 6]));

        let offer = guest.ask(&options(&[&[53, 1, 1]]), false).expect("an offer");
        assert_eq!(offer.destination, GUEST.bytes());
        assert_eq!(offer.source, blue.network.dhcp.as_ref().unwrap().mac_address.bytes());
        assert_eq!(offer.message_type(), Some(2));
        assert!(offer.checksum_is_right(), "a checksum that hardware was to finish");
        let offer = guest.ask(&options(&[&[53, 1, 1]]), true).expect("an offer to all");
        assert_eq!(offer.destination, [0xff; 6]);
        assert!(other.hears().is_some(), "a broadcast reaches everybody");
        let foreign = options(&[&[53, 1, 3], &[50, 4, 10, 0, 0, 9]]);
        let refused = guest.ask(&foreign, false).expect("a refusal");
        assert_eq!((refused.message_type(), refused.destination), (Some(6), [0xff; 6]));
        assert!(other.hears().is_some());

        assert!(other.asks_in_vain(&options(&[&[53, 1, 1]])), "a stranger is answered");
        assert!(other.asks_in_vain(&foreign), "a stranger is refused");
        assert!(guest.hears_nothing());
    });
}

#[test]
fn an_outage_stops_no_renewal_and_a_decline_is_reported() {
    lab::run_async("an_outage_stops_no_renewal_and_a_decline_is_reported", async || {
        let blue = Blue::new("blue");
        blue.plug_in("guest", GUEST);
        let (server, away) = server();
        assert!(server.update(vec![blue.target()]).is_empty());
        let mut guest = RawClient::new("guest", GUEST);
        let request = options(&[&[53, 1, 3], &[50, 4, 10, 0, 0, 5]]);
        away.store(true, Ordering::SeqCst);
        assert!(guest.asks_in_vain(&request), "nobody knows yet whose it is");
        away.store(false, Ordering::SeqCst);
        assert!(guest.ask(&request, false).is_some());
        away.store(true, Ordering::SeqCst);
        let kept = guest.ask(&request, false).expect("an answer from memory");
        assert_eq!(kept.message_type(), Some(5));
        let foreign = options(&[&[53, 1, 3], &[50, 4, 10, 0, 0, 9]]);
        assert!(guest.asks_in_vain(&foreign), "refused for what may not be true");

        guest.say(&options(&[&[53, 1, 4], &[50, 4, 10, 0, 0, 5]]), false);
        let declined = || {
            let mut troubles = server.status().troubles.into_iter();
            troubles.any(|trouble| trouble.mac == Some(GUEST) && trouble.text.contains("10.0.0.5"))
        };
        lab::wait_for("the decline in the status", PATIENCE, declined);
    });
}

#[test]
fn what_cannot_be_served_disturbs_nobody_and_what_is_gone_is_let_go() {
    let name = "what_cannot_be_served_disturbs_nobody_and_what_is_gone_is_let_go";
    lab::run_async(name, async || {
        let (blue, green) = (Blue::new("blue"), Blue::new("green"));
        blue.plug_in("guest", GUEST);
        let (server, _) = server();
        let squatter =
            lab::inside(&green.namespace, || std::net::UdpSocket::bind("0.0.0.0:67").unwrap());
        let mut missing = green.target();
        missing.network = Arc::new(Blue::described("red").0);
        missing.path = "/run/netns/none".into();
        let failures = server.update(vec![missing, green.target(), blue.target()]);
        assert_eq!(failures.len(), 2, "{failures:?}");
        let squatted = failures.iter().any(|(namespace, error)| {
            *namespace == green.namespace && matches!(error, DhcpError::PortInUse(_))
        });
        assert!(squatted, "{failures:?}");
        let mut guest = RawClient::new("guest", GUEST);
        let discover = options(&[&[53, 1, 1]]);
        assert!(guest.ask(&discover, false).is_some(), "the others were disturbed");
        drop(squatter);
        assert!(server.update(vec![green.target(), blue.target()]).is_empty());
        assert_eq!(server.status().networks.len(), 2);

        // Made anew under the same name: the old one is let go, and guests are served again.
        blue.remove_namespace();
        blue.make_namespace();
        assert!(server.update(vec![green.target(), blue.target()]).is_empty());
        assert!(guest.ask(&discover, false).is_some(), "the new namespace is not served");

        assert!(server.update(vec![green.target()]).is_empty());
        assert!(guest.asks_in_vain(&discover));
        assert!(server.update(vec![green.target(), blue.target()]).is_empty(), "port 67 is free");
        server.stop().await;
        assert_eq!(server.status().networks, []);
        for namespace in [&blue.namespace, &green.namespace] {
            lab::inside(namespace, || std::net::UdpSocket::bind("0.0.0.0:67").unwrap());
        }
    });
}

#[test]
fn without_descriptors_the_limit_is_named_and_the_others_are_served() {
    let name = "without_descriptors_the_limit_is_named_and_the_others_are_served";
    lab::run_async(name, async || {
        let (blue, green) = (Blue::new("blue"), Blue::new("green"));
        blue.plug_in("guest", GUEST);
        let (server, _) = server();
        assert!(server.update(vec![blue.target()]).is_empty());
        let mut guest = RawClient::new("guest", GUEST);
        let targets = vec![blue.target(), green.target()];
        let limit = getrlimit(Resource::Nofile);
        let open = u64::try_from(fs::read_dir("/proc/self/fd").unwrap().count()).unwrap();
        let tight = Rlimit { current: Some(open.min(64)), ..limit };
        setrlimit(Resource::Nofile, tight).unwrap();
        let held: Vec<_> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
        let failures = server.update(targets.clone());
        let said = failures.first().map(|(_, error)| error.to_string()).unwrap_or_default();
        assert!(said.contains("LimitNOFILE"), "{failures:?}");
        assert!(guest.ask(&options(&[&[53, 1, 1]]), false).is_some());
        drop(held);
        setrlimit(Resource::Nofile, limit).unwrap();
        assert!(server.update(targets).is_empty());
    });
}
