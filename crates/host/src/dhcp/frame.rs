//! A reply as an Ethernet frame: complete, so that no client on a raw socket sees a checksum that
//! the kernel left for hardware to finish.

use etherparse::PacketBuilder;
use innkeeper_model::MacAddress;

use super::Reply;

/// The port of servers (RFC 2131 §4.1).
pub const SERVER_PORT: u16 = 67;
/// The port of clients.
pub const CLIENT_PORT: u16 = 68;
/// Hops that a reply may take: one would do, but clients may be picky about little.
const TIME_TO_LIVE: u8 = 64;

/// The reply from the DHCP port with this MAC address.
pub fn frame(reply: &Reply, source: MacAddress) -> Vec<u8> {
    let message = reply.encode();
    let builder = PacketBuilder::ethernet2(source.bytes(), reply.destination.mac)
        .ipv4(reply.server.octets(), reply.destination.address.octets(), TIME_TO_LIVE)
        .udp(SERVER_PORT, CLIENT_PORT);
    let mut frame = Vec::with_capacity(builder.size(message.len()));
    builder
        .write_to_vec(&mut frame, &message)
        .expect("a reply is shorter than the longest UDP datagram");
    frame
}
