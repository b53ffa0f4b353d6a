//! DHCP messages (RFC 2131), made by hand and read by hand.

use std::net::Ipv4Addr;

use super::{BROADCAST, IPV4, Mac, UDP, checksum, ethernet, udp};

pub(crate) const SERVER_PORT: u16 = 67;
pub(crate) const CLIENT_PORT: u16 = 68;
/// What tells DHCP from BOOTP.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// The flag of clients that cannot be sent anything but broadcasts.
pub(crate) const BROADCAST_FLAG: u16 = 0x8000;

pub(crate) const DISCOVER: u8 = 1;
pub(crate) const OFFER: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const DECLINE: u8 = 4;
pub(crate) const ACK: u8 = 5;
pub(crate) const NAK: u8 = 6;
pub(crate) const RELEASE: u8 = 7;
pub(crate) const INFORM: u8 = 8;

/// A message, with where it came from and went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) to_mac: Mac,
    pub(crate) from_mac: Mac,
    pub(crate) from: (Ipv4Addr, u16),
    pub(crate) to: (Ipv4Addr, u16),
    /// Whether the datagram's sum is right, or the datagram says that it has none.
    pub(crate) sums: bool,
    /// 1 of clients, 2 of servers.
    pub(crate) op: u8,
    pub(crate) xid: u32,
    pub(crate) flags: u16,
    pub(crate) ciaddr: Ipv4Addr,
    pub(crate) yiaddr: Ipv4Addr,
    pub(crate) siaddr: Ipv4Addr,
    pub(crate) giaddr: Ipv4Addr,
    pub(crate) chaddr: Mac,
    /// In order.
    pub(crate) options: Vec<(u8, Vec<u8>)>,
}

impl Message {
    /// A client's, of this type, broadcast by a machine that has no address yet.
    pub(crate) fn by(client: Mac, kind: u8) -> Self {
        Self {
            to_mac: BROADCAST,
            from_mac: client,
            from: (Ipv4Addr::UNSPECIFIED, CLIENT_PORT),
            to: (Ipv4Addr::BROADCAST, SERVER_PORT),
            sums: true,
            op: 1,
            xid: 0x1234_5678,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr: client,
            options: vec![(53, vec![kind])],
        }
    }

    /// The same, with one more option.
    pub(crate) fn with(mut self, code: u8, value: impl Into<Vec<u8>>) -> Self {
        self.options.push((code, value.into()));
        self
    }

    /// As it goes over the cable.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut bytes = vec![self.op, 1, 6, 0];
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.chaddr);
        // The rest of the client's address, the server's name, and the file's.
        bytes.resize(236, 0);
        bytes.extend(COOKIE);
        for (code, value) in &self.options {
            bytes.extend([*code, u8::try_from(value.len()).expect("a short option")]);
            bytes.extend(value);
        }
        bytes.push(255);
        bytes.resize(bytes.len().max(300), 0);
        ethernet(self.to_mac, self.from_mac, IPV4, &udp(self.from, self.to, &bytes))
    }

    /// The message in a frame, if it is one.
    pub(crate) fn read(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(14..).filter(|_| frame[12..14] == IPV4.to_be_bytes())?;
        let header = usize::from(packet.first()? & 0x0f) * 4;
        let length = usize::from(word(packet, 2)?);
        let datagram = packet.get(header..length).filter(|_| packet[9] == UDP)?;
        let from = (address(packet, 12)?, word(datagram, 0)?);
        let to = (address(packet, 16)?, word(datagram, 2)?);
        if ![SERVER_PORT, CLIENT_PORT].contains(&to.1) {
            return None;
        }
        let bytes = datagram.get(8..)?;
        if bytes.get(236..240)? != COOKIE {
            return None;
        }
        Some(Self {
            to_mac: frame[0..6].try_into().ok()?,
            from_mac: frame[6..12].try_into().ok()?,
            from,
            to,
            sums: sums(packet, datagram),
            op: bytes[0],
            xid: u32::from_be_bytes(bytes[4..8].try_into().ok()?),
            flags: word(bytes, 10)?,
            ciaddr: address(bytes, 12)?,
            yiaddr: address(bytes, 16)?,
            siaddr: address(bytes, 20)?,
            giaddr: address(bytes, 24)?,
            chaddr: bytes[28..34].try_into().ok()?,
            options: options(&bytes[240..])?,
        })
    }

    /// The DHCP message type.
    pub(crate) fn kind(&self) -> Option<u8> {
        self.option(53)?.first().copied()
    }

    /// An option's value: the pieces of one that is too long for one, together (RFC 3396).
    pub(crate) fn option(&self, code: u8) -> Option<Vec<u8>> {
        let mut pieces = self.options.iter().filter(|(c, _)| *c == code).peekable();
        pieces.peek()?;
        Some(pieces.flat_map(|(_, value)| value.clone()).collect())
    }

    /// An option that is a number of 32 bits.
    pub(crate) fn number(&self, code: u8) -> Option<u32> {
        self.option(code)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// An option that is addresses.
    pub(crate) fn addresses(&self, code: u8) -> Option<Vec<Ipv4Addr>> {
        let bytes = self.option(code)?;
        Some(bytes.chunks(4).filter_map(|four| address(four, 0)).collect())
    }

    /// An option that is text.
    pub(crate) fn text(&self, code: u8) -> Option<String> {
        self.option(code).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// An option of classless routes (RFC 3442), as `10.0.0.0/24 via 10.0.0.1`.
    pub(crate) fn routes(&self, code: u8) -> Option<Vec<String>> {
        let bytes = self.option(code)?;
        let mut rest = bytes.as_slice();
        let mut routes = Vec::new();
        while let Some((&prefix, after)) = rest.split_first() {
            let significant = usize::from(prefix).div_ceil(8);
            let mut network = [0; 4];
            network[..significant].copy_from_slice(after.get(..significant)?);
            let via = address(after, significant)?;
            routes.push(format!("{}/{prefix} via {via}", Ipv4Addr::from(network)));
            rest = after.get(significant + 4..)?;
        }
        Some(routes)
    }
}

fn options(mut bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut options = Vec::new();
    loop {
        match bytes {
            [255, ..] => return Some(options),
            [0, rest @ ..] => bytes = rest,
            [code, length, rest @ ..] => {
                options.push((*code, rest.get(..usize::from(*length))?.to_vec()));
                bytes = &rest[usize::from(*length)..];
            }
            _ => return None,
        }
    }
}

fn sums(packet: &[u8], datagram: &[u8]) -> bool {
    if datagram.get(6..8) == Some(&[0, 0]) {
        return true;
    }
    let mut pseudo = packet[12..20].to_vec();
    pseudo.extend([0, UDP, datagram[4], datagram[5]]);
    pseudo.extend(datagram);
    checksum(&pseudo) == 0
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(four.into())
}
