//! Guests: namespaces that stand in for machines, wired by hand to a router's or network's.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::lab;

/// Where guests ask.
pub(crate) const METADATA: &str = "169.254.169.254:80";

/// Makes `namespace`, a router with 10.0.0.1/24 that redirects, and `guest` behind it.
pub(crate) fn wire_router(namespace: &str, guest: &str, address: &str) {
    wire(namespace, "qr-test", guest, address);
    lab::ip_in(namespace, "addr add 10.0.0.1/24 dev qr-test");
    lab::ip_in(guest, "route add default via 10.0.0.1");
    lab::shell_in(
        namespace,
        "nft add table ip lab; \
         nft 'add chain ip lab pre { type nat hook prerouting priority -100; }'; \
         nft add rule ip lab pre ip daddr 169.254.169.254 tcp dport 80 redirect to :9697",
    );
}

/// Makes `namespace`, a network's with 169.254.169.254, and `guest` on the network.
pub(crate) fn wire_network(namespace: &str, guest: &str, address: &str) {
    wire(namespace, "ns-test", guest, address);
    lab::ip_in(namespace, "addr add 10.0.0.2/24 dev ns-test");
    lab::ip_in(namespace, "addr add 169.254.169.254/32 dev ns-test");
    lab::ip_in(guest, "route add 169.254.169.254/32 via 10.0.0.2");
}

fn wire(namespace: &str, link: &str, guest: &str, address: &str) {
    lab::ip(&format!("netns add {namespace}"));
    lab::ip(&format!("netns add {guest}"));
    lab::ip(&format!("link add {link} netns {namespace} type veth peer name eth0 netns {guest}"));
    lab::ip_in(namespace, &format!("link set {link} up"));
    lab::ip_in(guest, "link set eth0 up");
    lab::ip_in(guest, &format!("addr add {address}/24 dev eth0"));
}

/// Connects from inside a namespace.
pub(crate) fn connect(guest: &str, to: &str) -> std::io::Result<TcpStream> {
    connect_within(guest, to, Duration::from_secs(2))
}

/// Connects from inside a namespace, or fails after `patience`.
pub(crate) fn connect_within(
    guest: &str,
    to: &str,
    patience: Duration,
) -> std::io::Result<TcpStream> {
    let to: SocketAddr = to.parse().unwrap();
    let stream = lab::inside(guest, || TcpStream::connect_timeout(&to, patience))?;
    stream.set_read_timeout(Some(Duration::from_secs(12)))?;
    Ok(stream)
}

/// Connects to 169.254.169.254:80.
pub(crate) fn connect_metadata(guest: &str) -> TcpStream {
    connect(guest, METADATA).unwrap()
}

/// Sends bytes on a connection of its own; everything that comes back.
pub(crate) fn send(guest: &str, bytes: &[u8]) -> String {
    send_on(connect_metadata(guest), bytes)
}

/// Sends bytes; everything that comes back.
pub(crate) fn send_on(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A refusal may come with a reset.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// GETs a path; everything that comes back.
pub(crate) fn get(guest: &str, path: &str) -> String {
    get_on(connect_metadata(guest), path)
}

/// GETs a path on a connection that ends with it; everything that comes back.
pub(crate) fn get_on(stream: TcpStream, path: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n");
    send_on(stream, request.as_bytes())
}

/// The body of a 200 answer.
pub(crate) fn body(answer: &str) -> &str {
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1
}
