//! Namespaces that come, go and come back, and others that are in the way.

#![allow(clippy::print_stdout, reason = "a test says how long things took")]
#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod lab;
mod scripted;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use innkeeper_model::{NetworkId, RouterId};
use innkeeper_proxy::ProxyConfig;
use scripted::{
    Running,
    guest::{METADATA, body, connect_metadata, connect_within, get, wire_network, wire_router},
    lan::{self, connect_v6},
};

/// The time within which a namespace is to be served or let go.
const PROMPT: Duration = Duration::from_secs(1);
/// For what has no such promise: a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// On connections that would go on after an answer, and on those that would not.
const HANGING: [&str; 2] = [
    "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /hang HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
];

fn ask(guest: &str, request: &str) -> TcpStream {
    let mut stream = connect_metadata(guest);
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[test]
fn a_deleted_namespace_leaves_the_kernel_and_its_successor_is_served() {
    lab::run_async(
        "a_deleted_namespace_leaves_the_kernel_and_its_successor_is_served",
        async || {
            let running = Running::start();
            let namespace = format!("qdhcp-{}", NetworkId::random());
            for round in 0..3 {
                wire_network(&namespace, "guest", "10.0.0.5");
                // The end of a pair outside goes when the namespace of the other end is freed.
                lab::ip(&format!("link add probe type veth peer name inner netns {namespace}"));
                lab::wait_for("the namespace", PROMPT, || {
                    running.proxy.status().namespaces == 1
                        && scripted::guest::connect("guest", "169.254.169.254:80").is_ok()
                });
                let answer = get("guest", "/");
                assert!(body(&answer).contains("10.0.0.5"), "{answer}");
                let mut kept = connect_metadata("guest");
                kept.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
                assert!(kept.read(&mut [0; 4096]).unwrap() > 0);
                let hanging = HANGING.map(|request| ask("guest", request));
                lab::wait_for("the hanging requests", PATIENCE, || {
                    let seen = running.next.seen.lock().unwrap();
                    running.proxy.status().connections > hanging.len()
                        && seen.iter().filter(|r| r.target == "/hang").count() == hanging.len()
                });
                running.next.seen.lock().unwrap().clear();

                assert!(lab::ip_succeeds("link show probe"));
                if round == 1 {
                    // No goodbye of a connection is ever acknowledged.
                    lab::ip_in("guest", "link set eth0 down");
                }
                lab::ip(&format!("netns del {namespace}"));
                if round == 2 {
                    break;
                }
                // Made again between two scans: the old one must go all the same.
                lab::ip("netns del guest");
                lab::ip(&format!("netns add {namespace}"));
                lab::wait_for("the connections of the old one to be dropped", PROMPT, || {
                    running.proxy.status().connections == 0
                });
                // The kernel frees namespaces one after the other, everybody's in one queue.
                lab::wait_for("the old one to leave the kernel", PATIENCE, || {
                    !lab::ip_succeeds("link show probe")
                });
                lab::ip(&format!("netns del {namespace}"));
            }
            lab::wait_for("the last one to be let go", PROMPT, || {
                let status = running.proxy.status();
                status.namespaces == 0 && status.connections == 0
            });
            lab::wait_for("the last one to leave the kernel", PATIENCE, || {
                !lab::ip_succeeds("link show probe")
            });
        },
    );
}

#[test]
fn who_waits_for_a_place_when_the_namespace_is_deleted_keeps_nothing_in_it() {
    lab::run_async(
        "who_waits_for_a_place_when_the_namespace_is_deleted_keeps_nothing_in_it",
        async || {
            let running =
                Running::start_with(ProxyConfig { connections_max: 1, ..ProxyConfig::default() });
            let [busy, going] = [1, 2].map(|_| format!("qdhcp-{}", NetworkId::random()));
            wire_network(&busy, "guest-busy", "10.0.0.5");
            wire_network(&going, "guest-going", "10.0.0.5");
            lab::ip(&format!("link add probe type veth peer name inner netns {going}"));
            lab::wait_for("the namespaces", PATIENCE, || running.proxy.status().namespaces == 2);
            let _hanging = ask("guest-busy", HANGING[1]);
            lab::wait_for("the only place to be taken", PATIENCE, || {
                running.next.seen.lock().unwrap().len() == 1
            });
            let _waiting = ask("guest-going", HANGING[1]);
            lab::wait_for("the request to be read", PATIENCE, || {
                let said = lab::shell_in(&going, "ss -tnH state established");
                said.split_whitespace().next() == Some("0")
            });
            assert_eq!(running.next.seen.lock().unwrap().len(), 1, "it has no place yet");
            // No goodbye of a connection is ever acknowledged.
            lab::ip_in("guest-going", "link set eth0 down");
            lab::ip(&format!("netns del {going}"));
            lab::wait_for("the namespace to leave the kernel", PATIENCE, || {
                !lab::ip_succeeds("link show probe")
            });
        },
    );
}

#[test]
fn a_namespace_made_again_serves_its_guests_within_a_second() {
    lab::run_async("a_namespace_made_again_serves_its_guests_within_a_second", async || {
        /// Short, lest the first packet of a connection that was lost is waited for.
        const TRY: Duration = Duration::from_millis(100);
        let running = Running::start();
        let name = format!("qdhcp-{}", NetworkId::random());
        lan::make("lan");
        lan::guest("lan", "guest", 5, None);
        let mut asking = Vec::new();
        for round in 0..4 {
            lan::serve("lan", &name);
            let took = lab::wait_for("the namespace to be served", PROMPT, || {
                connect_within("guest", METADATA, TRY).is_ok()
            });
            println!("round {round}: served after {took:?}");
            assert!(body(&get("guest", "/")).contains("10.0.0.5"));
            for mut stream in [connect_metadata("guest"), connect_v6("guest", None).unwrap()] {
                stream.write_all(b"GET /hang HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
                asking.push(stream);
            }
            lab::wait_for("the hanging requests", PATIENCE, || {
                let seen = running.next.seen.lock().unwrap();
                seen.iter().filter(|request| request.target == "/hang").count() == asking.len()
            });
            lab::ip(&format!("netns del {name}"));
            lab::ip_in("lan", "link del service");
        }
    });
}

#[test]
fn a_port_that_somebody_holds_is_tried_again() {
    lab::run_async("a_port_that_somebody_holds_is_tried_again", async || {
        let (held, free) = (RouterId::random(), RouterId::random());
        let held_name = format!("qrouter-{held}");
        wire_router(&held_name, "guest-held", "10.0.0.5");
        wire_router(&format!("qrouter-{free}"), "guest-free", "10.0.0.5");
        let holder = lab::inside(&held_name, || TcpListener::bind("0.0.0.0:9697").unwrap());
        let running = Running::start();
        lab::wait_for("one served and one in trouble", PATIENCE, || {
            let status = running.proxy.status();
            status.namespaces == 1 && status.troubles.len() == 1
        });
        let trouble = running.proxy.status().troubles.remove(0);
        assert_eq!(trouble.namespace, held_name);
        assert!(trouble.error.contains("taken by another program"), "{trouble:?}");
        assert!(running.metrics().contains("innkeeper_proxy_namespaces_not_served 1"));
        assert!(body(&get("guest-free", "/")).contains(&free.to_string()));

        drop(holder);
        lab::wait_for("the port to be taken over", PATIENCE, || {
            running.proxy.status().namespaces == 2
        });
        assert_eq!(running.proxy.status().troubles, []);
        assert!(body(&get("guest-held", "/")).contains(&held.to_string()));
    });
}

#[test]
fn what_is_no_namespace_is_reported_and_harms_nothing() {
    lab::run_async("what_is_no_namespace_is_reported_and_harms_nothing", async || {
        // The directory does not exist yet.
        let running = Running::start();
        let router = RouterId::random();
        wire_router(&format!("qrouter-{router}"), "guest", "10.0.0.5");
        let file = format!("qdhcp-{}", NetworkId::random());
        std::fs::write(format!("{}/{file}", lab::NETNS_DIR), "").unwrap();
        let wrong_kind = format!("qdhcp-{}", NetworkId::random());
        let path = format!("{}/{wrong_kind}", lab::NETNS_DIR);
        std::fs::write(&path, "").unwrap();
        rustix::mount::mount_bind("/proc/self/ns/uts", &path).unwrap();
        let pipe = format!("qrouter-{}", RouterId::random());
        lab::shell_in("guest", &format!("mkfifo {}/{pipe}", lab::NETNS_DIR));

        lab::wait_for("three troubles", PATIENCE, || running.proxy.status().troubles.len() == 3);
        assert_eq!(running.proxy.status().namespaces, 1);
        assert!(body(&get("guest", "/")).contains(&router.to_string()));
        let troubles = running.proxy.status().troubles;
        let of = |name: &str| {
            let found = troubles.iter().find(|trouble| trouble.namespace == name);
            found.map(|trouble| trouble.error.clone()).unwrap_or_default()
        };
        assert!(of(&file).contains("not a network namespace"), "{troubles:?}");
        assert!(of(&wrong_kind).contains("cannot enter"), "{troubles:?}");

        std::fs::remove_file(format!("{}/{file}", lab::NETNS_DIR)).unwrap();
        lab::wait_for("one trouble less", PATIENCE, || running.proxy.status().troubles.len() == 2);
    });
}

#[test]
fn two_hundred_namespaces_cost_a_descriptor_each() {
    lab::run_async("two_hundred_namespaces_cost_a_descriptor_each", async || {
        const COUNT: usize = 200;
        let names: Vec<_> = (0..COUNT).map(|_| format!("qrouter-{}", RouterId::random())).collect();
        let batch: String = names.iter().map(|name| format!("netns add {name}\n")).collect();
        std::fs::write("/run/batch", batch).unwrap();
        lab::ip("-batch /run/batch");
        let before = descriptors();
        let running = Running::start();
        lab::wait_for("all of them", PATIENCE, || running.proxy.status().namespaces == COUNT);
        let used = descriptors() - before;
        assert!(used <= COUNT + 20, "{used} descriptors for {COUNT} namespaces");

        for name in &names {
            lab::ip(&format!("netns del {name}"));
        }
        lab::wait_for("none of them", PATIENCE, || running.proxy.status().namespaces == 0);
        lab::wait_for("their descriptors to be closed", PATIENCE, || descriptors() <= before + 20);
    });
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}
