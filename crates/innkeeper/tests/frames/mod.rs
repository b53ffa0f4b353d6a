//! Frames made by hand, as no kernel would send them, and read by hand.

#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod dhcp;
pub(crate) mod neighbours;

use std::net::{Ipv4Addr, Ipv6Addr};

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

/// Everybody.
pub(crate) const BROADCAST: Mac = [0xff; 6];

pub(crate) const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const ARP: u16 = 0x0806;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Reads an address such as `fa:16:3e:00:00:01`.
pub(crate) fn mac(text: &str) -> Mac {
    let bytes: Vec<_> = text.split(':').filter_map(|b| u8::from_str_radix(b, 16).ok()).collect();
    bytes.try_into().expect("six bytes in hexadecimal digits")
}

/// The link-local address made of a MAC address (EUI-64).
pub(crate) fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/// A whole frame.
pub(crate) fn ethernet(to: Mac, from: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    [to.as_slice(), &from, &kind.to_be_bytes(), payload].concat()
}

/// UDP in IPv4.
pub(crate) fn udp(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).expect("short");
    let ports = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
    // A sum of 0 says that there is none.
    let datagram = [&ports, length.to_be_bytes().as_slice(), &[0, 0], payload].concat();
    ipv4(from.0, to.0, UDP, &datagram)
}

/// An IPv4 packet.
pub(crate) fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).expect("short").to_be_bytes();
    let mut header = vec![0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, protocol, 0, 0];
    header.extend(from.octets());
    header.extend(to.octets());
    let sum = checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    header.extend(payload);
    header
}

/// An IPv4 packet's frame as two, the first with this many bytes behind the packet's header.
pub(crate) fn fragments(frame: &[u8], first: u16) -> [Vec<u8>; 2] {
    let (link, packet) = frame.split_at(14);
    let (header, payload) = packet.split_at(20);
    let (head, tail) = payload.split_at(usize::from(first));
    let piece = |position: u16, payload: &[u8]| {
        let mut header = header.to_vec();
        let length = u16::try_from(20 + payload.len()).expect("short").to_be_bytes();
        header[2..4].copy_from_slice(&length);
        header[6..8].copy_from_slice(&position.to_be_bytes());
        header[10..12].fill(0);
        let sum = checksum(&header).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
        [link, &header, payload].concat()
    };
    // "More fragments", and then an offset in units of eight bytes.
    [piece(0x2000, head), piece(first / 8, tail)]
}

/// ICMPv6 in IPv6, as neighbours send it: with a hop limit that no router has lowered.
pub(crate) fn icmpv6(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
    let mut pseudo = [from.octets(), to.octets()].concat();
    pseudo.extend([0, 0, length[0], length[1], 0, 0, 0, ICMPV6]);
    let sum = checksum(&[&pseudo, message].concat()).to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], ICMPV6, 255];
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(message);
    packet[42..44].copy_from_slice(&sum);
    packet
}

/// The Internet's checksum (RFC 1071).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}
