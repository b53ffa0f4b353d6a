//! What may come from a tap, as the kernel is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

#[path = "../../proxy/tests/lab/mod.rs"]
mod lab;
mod source;
mod topology;

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use innkeeper_host::{Host, HostConfig, ReconcileReport, Tap, TapOwner};
use innkeeper_model::{MacAddress, PluggedPort, Port, PortId, Topology};
use source::Scripted;
use tokio_util::sync::CancellationToken;
use topology::hosted_network;

fn port(network: &innkeeper_model::HostedNetwork, last: u8) -> PluggedPort {
    PluggedPort {
        id: PortId::random(),
        network_id: network.id,
        mac_address: MacAddress::generated([0, 0, last]),
        addresses: vec![IpAddr::from([10, 0, 0, last])],
    }
}

/// A guest behind an interface that is named as the port's tap.
fn plug_in(name: &str, port: &PluggedPort, bridge: &str) {
    let tap = Port::interface_name(port.id, "tap");
    lab::ip(&format!("netns add {name}"));
    lab::ip(&format!("link add {tap} master {bridge} type veth peer name eth0 netns {name}"));
    lab::ip(&format!("link set {tap} up"));
    lab::ip_in(name, &format!("link set eth0 address {} up", port.mac_address));
    lab::ip_in(name, &format!("addr add {}/24 dev eth0", port.addresses[0]));
}

/// Whether packets come back from there: nobody listens on the port, so that it is refused.
fn reaches(name: &str, address: &str) -> bool {
    let to = SocketAddr::new(address.parse().expect("tests write addresses correctly"), 7);
    let tried = || TcpStream::connect_timeout(&to, Duration::from_millis(700));
    lab::inside(name, tried).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[test]
fn guests_reach_each_other_as_themselves_and_as_nobody_else() {
    lab::run_async("guests_reach_each_other_as_themselves_and_as_nobody_else", async || {
        let host = Host::new(HostConfig::default());
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let (one, two) = (port(&network, 3), port(&network, 4));
        let topology = Topology { networks: vec![network], ..Topology::default() };
        let source = Scripted::of(&topology);
        source.plug(&[one.clone(), two.clone()]);
        assert_settled(&host.reconcile(&topology).await);
        plug_in("one", &one, "brblue");
        plug_in("two", &two, "brblue");
        let first = host.guard_taps(&topology, &source).await;
        assert_settled(&first);
        assert_eq!(first.changes.len(), 1, "{:?}", first.changes);
        let second = host.guard_taps(&topology, &source).await;
        assert!(second.changes.is_empty(), "{:?}", second.changes);
        let newcomer = Host::new(HostConfig::default()).guard_taps(&topology, &source).await;
        assert!(newcomer.changes.is_empty(), "not taken over: {:?}", newcomer.changes);
        assert_eq!(host.status().taps, 2);

        assert!(reaches("one", "10.0.0.4") && reaches("one", "10.0.0.2"));
        lab::ip_in("one", "addr del 10.0.0.3/24 dev eth0");
        lab::ip_in("one", "addr add 10.0.0.9/24 dev eth0");
        assert!(!reaches("one", "10.0.0.2"), "another address is let through");
        lab::ip_in("one", "addr del 10.0.0.9/24 dev eth0");
        lab::ip_in("one", "addr add 10.0.0.3/24 dev eth0");
        assert!(reaches("one", "10.0.0.2"));
        lab::ip_in("one", "link set eth0 address fa:16:3e:00:00:09");
        assert!(!reaches("one", "10.0.0.2"), "another MAC address is let through");
        lab::ip_in("one", &format!("link set eth0 address {}", one.mac_address));
        lab::wait_for("neighbours to forget", Duration::from_secs(5), || {
            reaches("one", "10.0.0.2")
        });

        let status =
            Command::new("nft").args(["flush", "set", "bridge", "innkeeper", "macs"]).status();
        assert!(status.unwrap().success());
        assert!(!reaches("one", "10.0.0.2"));
        assert_eq!(host.guard_taps(&topology, &source).await.changes.len(), 1);
        assert!(reaches("one", "10.0.0.2"), "the guard was not mended");
    });
}

#[test]
fn a_tap_is_plugged_in_once_it_is_guarded_and_goes_with_its_port() {
    lab::run_async("a_tap_is_plugged_in_once_it_is_guarded_and_goes_with_its_port", async || {
        let host = Host::new(HostConfig::default());
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let port = port(&network, 3);
        let topology = Topology { networks: vec![network], ..Topology::default() };
        let source = Scripted::of(&topology);
        source.plug(std::slice::from_ref(&port));
        let stop = CancellationToken::new();
        let (following, followed, until) = (host.clone(), source.clone(), stop.clone());
        let task = tokio::spawn(async move { following.follow(&followed, until).await });

        let tap = Tap::of(port.id);
        let name = tap.name().to_owned();
        let (making, owner) = (tap.clone(), TapOwner::default());
        let made = tokio::task::spawn_blocking(move || making.make(Some(1450), owner));
        assert!(made.await.unwrap().unwrap());
        let link = lab::ip(&format!("link show {name}"));
        for part in ["master brblue", "mtu 1450", "innkeeper:tap:"] {
            assert!(link.contains(part), "no {part:?} in {link}");
        }
        let again = tap.clone();
        let made = tokio::task::spawn_blocking(move || again.make(Some(1450), owner));
        assert!(!made.await.unwrap().unwrap(), "made twice");
        lab::ip(&format!("link set {name} nomaster down"));
        lab::wait_for("the tap to be plugged in again", Duration::from_secs(5), || {
            let link = lab::ip(&format!("link show {name}"));
            link.contains("master brblue") && link.contains("UP")
        });

        source.plug(&[]);
        lab::wait_for("the tap to go", Duration::from_secs(5), || {
            !lab::ip_succeeds(&format!("link show {name}"))
        });
        assert!(!tap.remove().unwrap(), "removed twice");
        stop.cancel();
        task.await.unwrap();
    });
}

#[test]
fn begun_anew_while_nobody_can_be_asked_it_cuts_nobody_off() {
    lab::run_async("begun_anew_while_nobody_can_be_asked_it_cuts_nobody_off", async || {
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let (one, two) = (port(&network, 3), port(&network, 4));
        let topology = Topology { networks: vec![network], ..Topology::default() };
        let source = Scripted::of(&topology);
        source.plug(std::slice::from_ref(&one));
        let before = Host::new(HostConfig::default());
        assert_settled(&before.reconcile(&topology).await);
        plug_in("one", &one, "brblue");
        assert_settled(&before.guard_taps(&topology, &source).await);
        plug_in("two", &two, "brblue");

        source.go_away();
        let after = Host::new(HostConfig::default());
        assert_eq!(after.guard_taps(&topology, &source).await.changes.len(), 1);
        assert!(reaches("one", "10.0.0.2"), "a guest was cut off");
        assert!(!reaches("two", "10.0.0.2"), "a tap of which nothing is known is open");
        assert!(after.guard_taps(&topology, &source).await.changes.is_empty());
        source.tell(topology.clone());
        source.plug(&[one, two]);
        assert_settled(&after.guard_taps(&topology, &source).await);
        assert!(reaches("one", "10.0.0.2") && reaches("two", "10.0.0.2"));
    });
}

fn assert_settled(report: &ReconcileReport) {
    assert!(report.is_settled(), "{:#?}", report.failures);
}
