//! A network as a host makes it: a bridge that a namespace and guests are plugged into.

use std::{
    io,
    net::{Ipv6Addr, SocketAddrV6, TcpStream},
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::lab;

/// Where guests ask over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);
/// The link of a namespace that serves a network.
pub(crate) const SERVICE_LINK: &str = "ns-test";

/// Makes the bridge `name` in a namespace of the same name.
pub(crate) fn make(name: &str) {
    lab::ip(&format!("netns add {name}"));
    lab::ip_in(name, &format!("link add {name} type bridge mcast_snooping 0"));
    lab::ip_in(name, &format!("link set {name} up"));
}

/// Makes a namespace whose addresses are there at once.
pub(crate) fn namespace(name: &str) {
    lab::ip(&format!("netns add {name}"));
    let dad = "echo 0 > /proc/sys/net/ipv6/conf";
    lab::shell_in(name, &format!("{dad}/all/accept_dad; {dad}/default/accept_dad"));
}

/// Plugs `link` of a namespace into the bridge `lan`, at its end named `port`.
pub(crate) fn plug(lan: &str, port: &str, namespace: &str, link: &str, mac: &str) {
    let link_end = format!("{link} address {mac} netns {namespace}");
    lab::ip(&format!("link add {link_end} type veth peer name {port} netns {lan}"));
    lab::ip_in(lan, &format!("link set {port} master {lan} up"));
}

/// Makes a namespace that serves the network `lan`, at 10.0.0.2, 2001:db8::2, 169.254.169.254 and
/// fe80::a9fe:a9fe.
pub(crate) fn serve(lan: &str, name: &str) {
    namespace(name);
    plug(lan, "service", name, SERVICE_LINK, "fa:16:3e:00:00:02");
    lab::ip_in(name, &format!("link set {SERVICE_LINK} up"));
    for address in ["10.0.0.2/24", "169.254.169.254/32", "2001:db8::2/64", "fe80::a9fe:a9fe/64"] {
        lab::ip_in(name, &format!("addr add {address} dev {SERVICE_LINK}"));
    }
}

/// Makes a guest at 10.0.0.`last`, 2001:db8::`last` and a link-local address: `link_local`, or
/// the one made from its MAC address, which ends in `last`.
pub(crate) fn guest(lan: &str, name: &str, last: u8, link_local: Option<&str>) {
    namespace(name);
    plug(lan, name, name, "eth0", &format!("fa:16:3e:00:00:{last:02x}"));
    if let Some(address) = link_local {
        lab::ip_in(name, "link set eth0 addrgenmode none");
        lab::ip_in(name, &format!("addr add {address}/64 dev eth0"));
    }
    lab::ip_in(name, "link set eth0 up");
    lab::ip_in(name, &format!("addr add 10.0.0.{last}/24 dev eth0"));
    lab::ip_in(name, &format!("addr add 2001:db8::{last:x}/64 dev eth0"));
    lab::ip_in(name, "route add 169.254.169.254/32 via 10.0.0.2");
}

/// The number of a namespace's link.
pub(crate) fn index(namespace: &str, link: &str) -> u32 {
    let said = lab::ip_in(namespace, &format!("-o link show {link}"));
    said.split(':').next().unwrap().trim().parse().unwrap()
}

/// Connects to [fe80::a9fe:a9fe]:80, from `source` if it is given.
pub(crate) fn connect_v6(guest: &str, source: Option<&str>) -> io::Result<TcpStream> {
    let to = SocketAddrV6::new(METADATA_V6, 80, 0, index(guest, "eth0"));
    let socket = lab::inside(guest, || {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        if let Some(source) = source {
            socket.bind(&SocketAddrV6::new(source.parse().unwrap(), 0, 0, 0).into())?;
        }
        socket.connect_timeout(&to.into(), Duration::from_secs(2)).map(|()| socket)
    })?;
    socket.set_read_timeout(Some(Duration::from_secs(12)))?;
    Ok(socket.into())
}
