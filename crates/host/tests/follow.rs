//! The host role following a topology that changes, is wrong, and cannot be had.

#[path = "../../proxy/tests/lab/mod.rs"]
mod lab;
mod source;
mod topology;

use std::time::Duration;

use innkeeper_host::{Host, HostConfig};
use innkeeper_model::Topology;
use source::Scripted;
use tokio_util::sync::CancellationToken;
use topology::{Names, hosted_network, routed};

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn a_changing_topology_is_followed() {
    lab::run_async("a_changing_topology_is_followed", async || {
        let source = Scripted::away();
        let host = Host::new(HostConfig::default());
        let stop = CancellationToken::new();
        let (following, until) = (host.clone(), stop.clone());
        let followed = source.clone();
        let task = tokio::spawn(async move { following.follow(&followed, until).await });
        lab::wait_for("the error", PATIENCE, || host.status().view_error.is_some());

        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let qdhcp = Names::of_network(&network).namespace;
        let (networks, router) = routed(vec![network], &[("brblue", "10.0.0.1/24")]);
        let qrouter = Names::of_router(&router).namespace;
        let both = Topology { generation: 1, networks, routers: vec![router] };
        source.tell(both.clone());
        lab::wait_for("both namespaces", PATIENCE, || host.status().namespaces == 2);
        assert_eq!(host.status().view_error, None);

        // Away for a while: nothing is taken down.
        source.go_away();
        lab::wait_for("the error", PATIENCE, || host.status().view_error.is_some());
        assert_eq!(lab::ip("netns list").lines().count(), 2);

        let one = Topology { generation: 2, routers: Vec::new(), ..both.clone() };
        source.tell(one);
        lab::wait_for("the router to go", PATIENCE, || {
            let left = lab::ip("netns list");
            left.contains(&qdhcp) && !left.contains(&qrouter)
        });

        // In the way, then out of it: no event tells, only the next try.
        let blocked = hosted_network("brtaken", "10.0.9.2/24", true);
        lab::ip("link add brtaken type veth peer name other");
        let more = Topology { generation: 3, networks: vec![blocked], routers: Vec::new() };
        source.tell(more);
        lab::wait_for("the failure", PATIENCE, || host.status().failures().count() == 1);
        lab::ip("link del brtaken");
        lab::wait_for("the failure to end", PATIENCE, || host.status().failures().count() == 0);
        assert_eq!((host.status().generation, host.status().namespaces), (Some(3), 1));

        stop.cancel();
        task.await.unwrap();
        assert_eq!(lab::ip("netns list").lines().count(), 1, "stopping took things down");
    });
}

#[test]
fn a_name_that_is_taken_from_an_open_namespace_is_given_to_a_new_one() {
    lab::run_async(
        "a_name_that_is_taken_from_an_open_namespace_is_given_to_a_new_one",
        async || {
            let following = Following::start().await;
            let name = &following.name;
            // As whoever listens in it does: the kernel keeps it, and tells of nothing.
            let path = format!("/run/netns/{name}");
            let held = std::fs::File::open(&path).unwrap();
            lab::ip(&format!("netns del {name}"));
            lab::wait_for("another namespace of that name", PATIENCE, || {
                lab::ip("netns list").contains(name)
                    && lab::ip(&format!("-n {name} address")).contains("169.254.169.254")
            });
            drop(held);
            following.stop().await;
        },
    );
}

#[test]
fn a_name_that_stands_for_somebody_elses_namespace_is_told_for_as_long_as_it_does() {
    lab::run_async(
        "a_name_that_stands_for_somebody_elses_namespace_is_told_for_as_long_as_it_does",
        async || {
            let following = Following::start().await;
            let name = &following.name;
            let path = format!("/run/netns/{name}");
            let failures = || following.host.status().failures().count();
            lab::ip("netns add theirs");
            // The name is never missing, and no event tells that it is another's.
            run("mount", &["--bind", "/run/netns/theirs", &path]);
            lab::wait_for("the failure", PATIENCE, || failures() == 1);
            run("umount", &[&path]);
            lab::wait_for("the failure to end", PATIENCE, || {
                failures() == 0 && following.host.status().namespaces == 1
            });
            assert!(lab::ip(&format!("-n {name} address")).contains("169.254.169.254"));
            following.stop().await;
        },
    );
}

#[test]
fn what_ipv6_refuses_is_told_for_as_long_as_it_does_and_ipv4_goes_on() {
    lab::run_async(
        "what_ipv6_refuses_is_told_for_as_long_as_it_does_and_ipv4_goes_on",
        async || {
            let following = Following::start().await;
            let (host, name) = (&following.host, &following.name);
            let disable = |value: u8| {
                let set = format!("sysctl -qw net.ipv6.conf.all.disable_ipv6={value}");
                lab::ip(&format!("netns exec {name} {set}"));
            };
            disable(1);
            lab::wait_for("the failure", PATIENCE, || host.status().failures().count() > 0);
            // Longer than it takes to try again, and to look at everything.
            for _ in 0..60 {
                assert!(host.status().failures().count() > 0, "it is said to be over");
                assert_eq!(host.status().namespaces, 1, "IPv4 is served no more");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            disable(0);
            lab::wait_for("the address", PATIENCE, || {
                host.status().failures().count() == 0
                    && lab::ip(&format!("-n {name} address")).contains("fe80::a9fe:a9fe")
            });
            following.stop().await;
        },
    );
}

fn run(program: &str, words: &[&str]) {
    let ran = std::process::Command::new(program).args(words).status();
    assert!(ran.is_ok_and(|status| status.success()), "{program} {words:?}");
}

/// A host that has brought one network up.
struct Following {
    host: Host,
    name: String,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Following {
    async fn start() -> Self {
        let source = Scripted::away();
        let (host, stop) = (Host::new(HostConfig::default()), CancellationToken::new());
        let (following, until, followed) = (host.clone(), stop.clone(), source.clone());
        let task = tokio::spawn(async move { following.follow(&followed, until).await });
        let mut network = hosted_network("brblue", "10.0.0.2/24", true);
        network.dhcp.as_mut().expect("it has DHCP").metadata.ipv6 = true;
        let name = Names::of_network(&network).namespace;
        source.tell(Topology { generation: 1, networks: vec![network], routers: Vec::new() });
        lab::wait_for("the namespace", PATIENCE, || host.status().namespaces == 1);
        Self { host, name, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("it follows until it is stopped");
    }
}
