//! The host role against a real kernel: what is brought up, mended, left alone and removed.

#[path = "../../proxy/tests/lab/mod.rs"]
mod lab;
mod source;
mod topology;

use innkeeper_host::{Host, HostConfig, ReconcileReport};
use innkeeper_model::Topology;
use topology::{Names, hosted_network, on_their_bridge, topology};

#[test]
fn a_second_pass_changes_nothing() {
    lab::run("a_second_pass_changes_nothing", check_second_pass);
}

#[test]
fn an_ordinary_user_in_a_user_namespace_has_all_of_it() {
    lab::run_as_ordinary_user(
        "an_ordinary_user_in_a_user_namespace_has_all_of_it",
        check_second_pass,
    );
}

fn check_second_pass() {
    lab::block_on(async {
        let host = Host::new(HostConfig::default());
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let of_network = Names::of_network(&network);
        let (topology, of_router) =
            topology(vec![network], &[("brblue", "10.0.0.1/24"), ("brgreen", "fd00::1/64")]);
        let names = (of_network, of_router);
        let topology = Topology { generation: 7, ..topology };

        let first = host.reconcile(&topology).await;
        assert_settled(&first);
        assert!(!first.changes.is_empty());
        expect_network(&names.0);
        expect_router(&names.1);

        let second = host.reconcile(&topology).await;
        assert_unchanged(&second);
        let status = host.status();
        assert_eq!((status.generation, status.namespaces), (Some(7), 2));

        let newcomer = Host::new(HostConfig::default());
        assert_unchanged(&newcomer.reconcile(&topology).await);

        let removed = host.remove_all().await;
        assert_settled(&removed);
        assert_eq!(lab::ip("-brief link show type bridge"), "");
        assert_eq!(lab::ip("-brief link show type veth"), "");
        assert_eq!(lab::ip("netns list"), "");
        assert_unchanged(&host.remove_all().await);
    });
}

fn expect_network(names: &Names) {
    let addresses = lab::ip_in(&names.namespace, &format!("-o -4 addr show {}", names.inside[0]));
    for address in ["10.0.0.2/24", "169.254.169.254/32"] {
        assert!(addresses.contains(address), "{address} missing: {addresses}");
    }
    let link = lab::ip_in(&names.namespace, &format!("link show {}", names.inside[0]));
    assert!(link.contains("mtu 1450") && link.contains("fa:16:3e"), "{link}");
    let outside = lab::ip(&format!("-d link show {}", names.outside[0]));
    assert!(outside.contains("master brblue") && outside.contains("mtu 1450"), "{outside}");
    assert!(outside.contains("alias innkeeper:"), "{outside}");
}

fn expect_router(names: &Names) {
    let forwarding = lab::shell_in(&names.namespace, "cat /proc/sys/net/ipv4/ip_forward");
    assert_eq!(forwarding.trim(), "1");
    let rules = lab::shell_in(&names.namespace, "nft list ruleset");
    assert!(rules.contains("redirect to :9697"), "{rules}");
    let addresses = lab::ip_in(&names.namespace, "-o addr show");
    for address in ["10.0.0.1/24", "fd00::1/64"] {
        assert!(addresses.contains(address), "{address} missing: {addresses}");
    }
}

#[test]
fn what_somebody_breaks_is_mended() {
    lab::run_async("what_somebody_breaks_is_mended", async || {
        let host = Host::new(HostConfig::default());
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let in_network = Names::of_network(&network);
        let (topology, in_router) = topology(vec![network], &[("brblue", "10.0.0.1/24")]);
        assert_settled(&host.reconcile(&topology).await);

        let (qdhcp, qrouter) = (in_network.namespace.as_str(), in_router.namespace.as_str());
        let (ns, qr) = (in_network.inside[0].as_str(), in_router.inside[0].as_str());
        let breakages: [(&str, &dyn Fn()); 13] = [
            ("an address is removed", &|| {
                lab::ip_in(qdhcp, &format!("addr del 169.254.169.254/32 dev {ns}"));
            }),
            ("the first address of the range is another", &|| {
                lab::ip_in(qrouter, &format!("addr flush dev {qr}"));
                lab::ip_in(qrouter, &format!("addr add 10.0.0.9/24 dev {qr}"));
                lab::ip_in(qrouter, &format!("addr add 10.0.0.1/24 dev {qr}"));
            }),
            ("a link is down", &|| drop(lab::ip_in(qdhcp, &format!("link set {ns} down")))),
            ("a link is gone", &|| drop(lab::ip_in(qrouter, &format!("link del {qr}")))),
            ("a link has another MAC", &|| {
                lab::ip_in(qrouter, &format!("link set {qr} address fa:16:3e:99:99:99"));
            }),
            ("the bridge is gone", &|| drop(lab::ip("link del brblue"))),
            ("the bridge learns from what no rule sees", &|| {
                lab::ip("link set brblue type bridge group_fwd_mask 0 mcast_snooping 1");
            }),
            ("the bridge is down", &|| drop(lab::ip("link set brblue down"))),
            ("a tap is unplugged", &|| {
                lab::ip(&format!("link set {} nomaster", in_network.outside[0]));
            }),
            ("the rules are gone", &|| drop(lab::shell_in(qrouter, "nft flush ruleset"))),
            ("a rule is added", &|| {
                lab::shell_in(qrouter, "nft add rule inet innkeeper input tcp dport 1 drop");
            }),
            ("forwarding is off", &|| {
                lab::shell_in(qrouter, "echo 0 > /proc/sys/net/ipv4/ip_forward");
            }),
            ("a namespace is a plain file", &|| {
                lab::ip(&format!("netns del {qdhcp}"));
                std::fs::write(format!("{}/{qdhcp}", lab::NETNS_DIR), "").unwrap();
            }),
        ];
        for (what, breaks) in breakages {
            breaks();
            let mended = host.reconcile(&topology).await;
            assert!(mended.is_settled(), "{what}: {mended:?}");
            assert!(!mended.changes.is_empty(), "{what} was not noticed");
            let after = host.reconcile(&topology).await;
            assert!(after.changes.is_empty(), "{what} was not mended at once: {after:?}");
        }
        expect_network(&in_network);
        let addresses = lab::ip_in(qrouter, &format!("-o -4 addr show {qr}"));
        assert!(addresses.contains("10.0.0.1/24") && !addresses.contains("10.0.0.9"));
    });
}

#[test]
fn only_what_was_made_here_is_removed() {
    lab::run_async("only_what_was_made_here_is_removed", async || {
        let host = Host::new(HostConfig::default());
        let foreign = "qrouter-11111111-1111-4111-8111-111111111111";
        lab::ip(&format!("netns add {foreign}"));
        lab::shell_in(foreign, "nft add table inet innkeeper");
        lab::ip("link add theirs type bridge");
        lab::ip("link set theirs up");
        lab::ip("link add guest0 type veth peer name guest1");
        std::process::Command::new("nft")
            .args(["add", "table", "inet", "theirs"])
            .status()
            .unwrap();
        let on_theirs = on_their_bridge(hosted_network("theirs", "10.0.0.2/24", true));
        let with_guest = hosted_network("ours", "10.0.1.2/24", true);
        let names = Names::of_network(&on_theirs);
        let topology = Topology {
            generation: 1,
            networks: vec![on_theirs, with_guest.clone()],
            routers: Vec::new(),
        };
        assert_settled(&host.reconcile(&topology).await);
        lab::ip("link set guest0 master ours");
        let links = lab::ip_in(&names.namespace, "-brief link show");
        assert!(links.contains(&names.inside[0]), "{links}");

        assert_settled(&host.reconcile(&Topology::default()).await);
        assert_eq!(lab::ip("netns list").trim(), foreign);
        assert_eq!(lab::shell_in(foreign, "nft list tables").trim(), "table inet innkeeper");
        let tables = std::process::Command::new("nft").args(["list", "tables"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&tables.stdout).trim(), "table inet theirs");
        let bridges = lab::ip("-brief link show type bridge");
        assert!(bridges.contains("theirs"), "an operator's bridge is gone: {bridges}");
        assert!(bridges.contains("ours"), "a bridge is gone under a guest: {bridges}");

        assert_settled(&host.remove_all().await);
        let bridges = lab::ip("-brief link show type bridge");
        assert!(!bridges.contains("ours"), "all of ours was to go: {bridges}");
        assert!(lab::ip_succeeds("link show guest0"), "a guest's link is not ours");
    });
}

#[test]
fn a_namespace_of_somebody_elses_is_left_alone_and_told() {
    lab::run_async("a_namespace_of_somebody_elses_is_left_alone_and_told", async || {
        let host = Host::new(HostConfig::default());
        let networks =
            ["10.0.0.2/24", "10.0.1.2/24"].map(|a| hosted_network(&format!("br{a:.6}"), a, true));
        let (stale, good) = (Names::of_network(&networks[0]), Names::of_network(&networks[1]));
        lab::ip(&format!("netns add {}", stale.namespace));
        let topology = Topology { networks: networks.to_vec(), ..Topology::default() };
        let report = host.reconcile(&topology).await;
        assert_eq!(report.failures.len(), 1, "{:#?}", report.failures);
        let error = report.failures[0].to_string();
        assert!(error.contains(&stale.namespace) && error.contains("somebody else"), "{error}");
        let links = lab::ip_in(&stale.namespace, "-brief link show");
        assert_eq!(links.lines().count(), 1, "something was put into it: {links}");
        let addresses = lab::ip_in(&good.namespace, "-o -4 addr show");
        assert!(addresses.contains("10.0.1.2/24"), "{addresses}");

        lab::ip(&format!("netns del {}", stale.namespace));
        assert_settled(&host.reconcile(&topology).await);
    });
}

#[test]
fn one_failing_network_does_not_stop_the_others() {
    lab::run_async("one_failing_network_does_not_stop_the_others", async || {
        let host = Host::new(HostConfig::default());
        lab::ip("link add taken type veth peer name other");
        lab::ip("link add sleeping type bridge");
        lab::ip("link add used type bridge");
        lab::ip("link set used up");
        let networks = [
            hosted_network("taken", "10.0.0.2/24", true),
            on_their_bridge(hosted_network("sleeping", "10.0.1.2/24", true)),
            on_their_bridge(hosted_network("missing", "10.0.3.2/24", true)),
            hosted_network("used", "10.0.4.2/24", true),
            hosted_network("br", "10.0.2.2/24", true),
        ];
        let good = Names::of_network(&networks[4]);
        let topology = Topology { generation: 1, networks: networks.to_vec(), routers: Vec::new() };
        let report = host.reconcile(&topology).await;
        let errors: String = report.failures.iter().map(|failure| format!("{failure}\n")).collect();
        assert_eq!(report.failures.len(), 4, "{errors}");
        for words in [
            "taken exists already and is not a Linux bridge",
            "ip link set sleeping up",
            "there is no bridge missing",
            "used exists already and is a bridge of somebody else's",
        ] {
            assert!(errors.contains(words), "no {words:?} in {errors}");
        }
        assert_eq!(host.status().network_failures, report.failures);
        let addresses = lab::ip_in(&good.namespace, "-o -4 addr show");
        assert!(addresses.contains("10.0.2.2/24"), "{addresses}");

        lab::ip("link del taken");
        lab::ip("link del used");
        lab::ip("link set sleeping up");
        lab::ip("link add missing type bridge");
        lab::ip("link set missing up");
        assert_settled(&host.reconcile(&topology).await);
        assert_eq!(host.status().namespaces, 5);
    });
}

#[test]
fn what_a_killed_run_left_half_made_is_finished() {
    lab::run_async("what_a_killed_run_left_half_made_is_finished", async || {
        let host = Host::new(HostConfig::default());
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let names = Names::of_network(&network);
        // Killed between making a bridge and marking it, and between mounting and all else.
        lab::ip(&format!("link add brblue group {} type bridge", u32::from_be_bytes(*b"innk")));
        std::fs::create_dir_all(lab::NETNS_DIR).unwrap();
        std::fs::write(format!("{}/{}", lab::NETNS_DIR, names.namespace), "").unwrap();
        let topology = Topology { networks: vec![network], ..Topology::default() };
        assert_settled(&host.reconcile(&topology).await);
        // Between making a pair and marking it.
        lab::ip(&format!("link set {} alias x", names.outside[0]));
        lab::ip(&format!("link set {} nomaster down", names.outside[0]));
        assert_settled(&host.reconcile(&topology).await);
        expect_network(&names);
    });
}

#[test]
fn a_plan_tells_everything_and_changes_nothing() {
    lab::run_async("a_plan_tells_everything_and_changes_nothing", async || {
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let in_network = Names::of_network(&network);
        let (topology, in_router) = topology(vec![network], &[("brblue", "10.0.0.1/24")]);
        let source = source::Scripted::of(&topology);
        let before = lab::ip("-brief link show");
        let plan = Host::new(HostConfig::default()).inspect(&topology, &source).await;
        assert_settled(&plan.report);
        let changes: String =
            plan.report.changes.iter().map(|change| format!("{change}\n")).collect();
        for part in [
            "brblue: made bridge",
            &format!("{}: made namespace", in_network.namespace),
            &format!("{}: made namespace", in_router.namespace),
            &format!("{}/{}: made", in_network.namespace, in_network.inside[0]),
            "169.254.169.254/32",
            "set the metadata rules",
        ] {
            assert!(changes.contains(part), "no {part:?} in {changes}");
        }
        assert_eq!(lab::ip("-brief link show"), before);
        assert_eq!(lab::ip("netns list"), "");

        let host = Host::new(HostConfig::default());
        assert_settled(&host.guard_taps(&topology, &source).await);
        assert_settled(&host.reconcile(&topology).await);
        let plan = Host::new(HostConfig::default()).inspect(&topology, &source).await;
        assert_unchanged(&plan.report);
        lab::ip_in(
            &in_network.namespace,
            &format!("addr del 169.254.169.254/32 dev {}", in_network.inside[0]),
        );
        let plan = Host::new(HostConfig::default()).inspect(&topology, &source).await;
        assert_eq!(plan.report.changes.len(), 1, "{:?}", plan.report.changes);
    });
}

#[test]
fn what_could_not_be_made_is_not_reported_as_made() {
    lab::run_async("what_could_not_be_made_is_not_reported_as_made", async || {
        let host = Host::new(HostConfig::default());
        let network = hosted_network("br", "10.0.0.2/24", true);
        let names = Names::of_network(&network);
        let in_the_way = std::path::Path::new("/run/netns").join(&names.namespace);
        std::fs::create_dir_all(&in_the_way).expect("a directory of that name");
        let topology = Topology { generation: 1, networks: vec![network], routers: Vec::new() };
        let report = host.reconcile(&topology).await;
        assert_eq!(report.failures.len(), 1, "{:#?}", report.failures);
        let made: Vec<_> =
            report.changes.iter().filter(|change| change.item == names.namespace).collect();
        assert!(made.is_empty(), "{made:#?}");

        std::fs::remove_dir(&in_the_way).expect("it can go");
        assert_settled(&host.reconcile(&topology).await);
    });
}

fn assert_settled(report: &ReconcileReport) {
    assert!(report.is_settled(), "{:#?}", report.failures);
}

fn assert_unchanged(report: &ReconcileReport) {
    assert_settled(report);
    assert!(report.changes.is_empty(), "{:#?}", report.changes);
}
