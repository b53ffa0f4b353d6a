//! The way of a guest's packets through what the host role brings up.

#[path = "../../proxy/tests/lab/mod.rs"]
mod lab;
mod topology;

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use innkeeper_host::{Host, HostConfig};
use innkeeper_model::Topology;
use topology::{Names, hosted_network, topology};

/// How long a connection is waited for that is not to come about.
const IN_VAIN: Duration = Duration::from_millis(700);

#[test]
fn a_router_redirects_and_shuts_its_port_to_all_else() {
    lab::run_async("a_router_redirects_and_shuts_its_port_to_all_else", async || {
        let interfaces = [("brblue", "10.0.0.1/24"), ("brgreen", "10.0.1.1/24")];
        let (topology, Names { namespace, .. }) = topology(Vec::new(), &interfaces);
        bring_up(&topology).await;
        plug_in_guest("brblue", "10.0.0.5/24", "default via 10.0.0.1");
        let proxy = lab::inside(&namespace, || TcpListener::bind("[::]:9697").unwrap());

        let guest = connect("169.254.169.254:80").unwrap();
        let (caught, source) = proxy.accept().unwrap();
        assert_eq!(source.ip().to_canonical(), IpAddr::from([10, 0, 0, 5]));
        assert_eq!(source.port(), guest.local_addr().unwrap().port());
        drop(caught);

        for forbidden in ["10.0.0.1:9697", "10.0.1.1:9697", "169.254.169.254:9697"] {
            assert!(connect_within(forbidden, IN_VAIN).is_err(), "{forbidden} is open to guests");
        }
        for other in ["169.254.169.254:81", "10.0.0.1:80"] {
            assert!(connect_within(other, IN_VAIN).is_err(), "{other} is redirected");
        }
        assert!(connect("169.254.169.254:80").is_ok(), "the redirect ended");
    });
}

#[test]
fn an_isolated_network_answers_at_the_address_itself() {
    lab::run_async("an_isolated_network_answers_at_the_address_itself", async || {
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let namespace = Names::of_network(&network).namespace;
        bring_up(&Topology { networks: vec![network], ..Topology::default() }).await;
        plug_in_guest("brblue", "10.0.0.5/24", "169.254.169.254/32 via 10.0.0.2");
        let proxy = lab::inside(&namespace, || TcpListener::bind("169.254.169.254:80").unwrap());

        let guest = connect("169.254.169.254:80").unwrap();
        let (_caught, source) = proxy.accept().unwrap();
        assert_eq!(source, guest.local_addr().unwrap());
    });
}

#[test]
fn this_machine_has_no_address_in_the_tenants_network() {
    lab::run_async("this_machine_has_no_address_in_the_tenants_network", async || {
        let network = hosted_network("brblue", "10.0.0.2/24", true);
        let tap = Names::of_network(&network).outside.remove(0);
        bring_up(&Topology { networks: vec![network], ..Topology::default() }).await;
        for link in ["brblue", tap.as_str()] {
            assert_eq!(lab::ip(&format!("-o addr show {link}")), "", "{link} has an address");
        }
    });
}

async fn bring_up(topology: &Topology) {
    let report = Host::new(HostConfig::default()).reconcile(topology).await;
    assert!(report.is_settled(), "{:#?}", report.failures);
}

fn plug_in_guest(bridge: &str, address: &str, route: &str) {
    lab::ip("netns add guest");
    lab::ip(&format!("link add tapguest master {bridge} type veth peer name eth0 netns guest"));
    lab::ip("link set tapguest up");
    lab::ip_in("guest", "link set eth0 up");
    lab::ip_in("guest", &format!("addr add {address} dev eth0"));
    lab::ip_in("guest", &format!("route add {route}"));
}

/// A connection that is to come about, however busy the machine is.
fn connect(to: &str) -> io::Result<TcpStream> {
    connect_within(to, Duration::from_secs(10))
}

fn connect_within(to: &str, patience: Duration) -> io::Result<TcpStream> {
    let to: SocketAddr = to.parse().expect("tests write addresses correctly");
    lab::inside("guest", || TcpStream::connect_timeout(&to, patience))
}
