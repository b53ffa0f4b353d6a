//! A reply, and its bytes.

use std::net::Ipv4Addr;

use dhcproto::{
    Encodable, Encoder,
    v4::{DhcpOption, Flags, Message, Opcode, OptionCode, UnknownOption},
};
use innkeeper_model::MacAddress;

/// Bytes of the fixed fields with the magic cookie.
const FIXED_BYTES: usize = 240;
/// Bytes of the shortest reply: what BOOTP clients and some relays take for granted (RFC 1542
/// §2.1).
const MESSAGE_BYTES_MIN: usize = 300;
/// Bytes of the headers that come before: IPv4 without options, and UDP.
pub(super) const HEADER_BYTES: usize = 28;
/// The longest name of a boot file that fits its field with the zero at the end.
pub(super) const BOOT_FILE_BYTES_MAX: usize = 127;
/// The longest server name that fits its field with the zero at the end.
pub(super) const SERVER_NAME_BYTES_MAX: usize = 63;

/// What is sent to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Which message it is.
    pub kind: ReplyKind,
    /// The request's.
    pub xid: u32,
    /// The request's.
    pub flags: u16,
    /// The address that the client uses already.
    pub ciaddr: Ipv4Addr,
    /// The address that it is given.
    pub yiaddr: Ipv4Addr,
    /// Where the next stage of a network boot is.
    pub siaddr: Ipv4Addr,
    /// The client.
    pub mac: MacAddress,
    /// Our address.
    pub server: Ipv4Addr,
    /// The field `sname`.
    pub server_name: Vec<u8>,
    /// The field `file`.
    pub boot_file: Vec<u8>,
    /// Numbers and values, in the order of sending.
    pub options: Vec<(u8, Vec<u8>)>,
    /// Options that did not fit.
    pub left_out: Vec<u8>,
    /// Where it goes.
    pub destination: Destination,
}

/// Which message a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// DHCPOFFER.
    Offer,
    /// DHCPACK to a DHCPREQUEST.
    Ack,
    /// DHCPACK to a DHCPINFORM: it gives no address.
    AckInform,
    /// DHCPNAK.
    Nak,
}

/// Where a reply goes (RFC 2131 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// The Ethernet address.
    pub mac: [u8; 6],
    /// The IPv4 address.
    pub address: Ipv4Addr,
}

impl Destination {
    /// Everybody on the link.
    pub const BROADCAST: Self = Self { mac: [0xff; 6], address: Ipv4Addr::BROADCAST };
}

impl ReplyKind {
    /// The value of option 53.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Offer => 2,
            Self::Ack | Self::AckInform => 5,
            Self::Nak => 6,
        }
    }

    /// The name of RFC 2131, for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "DHCPOFFER",
            Self::Ack | Self::AckInform => "DHCPACK",
            Self::Nak => "DHCPNAK",
        }
    }
}

/// Bytes of the datagram with these options, with its IPv4 header.
pub(super) fn datagram_bytes(options: &[(u8, Vec<u8>)]) -> usize {
    let option = |(_, value): &(u8, Vec<u8>)| value.len() + 2 * value.len().div_ceil(255);
    let message = FIXED_BYTES + options.iter().map(option).sum::<usize>() + 1;
    HEADER_BYTES + message.max(MESSAGE_BYTES_MIN)
}

impl Reply {
    /// The message as it is sent to UDP port 68.
    pub fn encode(&self) -> Vec<u8> {
        let mac = self.mac.bytes();
        let unspecified = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(
            self.xid,
            self.ciaddr,
            self.yiaddr,
            self.siaddr,
            unspecified,
            &mac,
        );
        message.set_opcode(Opcode::BootReply).set_flags(Flags::new(self.flags));
        if !self.server_name.is_empty() {
            message.set_sname(&self.server_name);
        }
        if !self.boot_file.is_empty() {
            message.set_fname(&self.boot_file);
        }
        let mut bytes = Vec::with_capacity(datagram_bytes(&self.options) - HEADER_BYTES);
        let mut encoder = Encoder::new(&mut bytes);
        // The codec's own collection sorts options; the message type comes first here, and what
        // the codec has no type for goes the same way as the rest.
        let raw = |(code, value): &(u8, Vec<u8>)| {
            DhcpOption::Unknown(UnknownOption::new(OptionCode::from(*code), value.clone()))
        };
        let mut options = self.options.iter().map(raw).chain([DhcpOption::End]);
        message
            .encode(&mut encoder)
            .and_then(|()| options.try_for_each(|option| option.encode(&mut encoder)))
            .expect("a vector takes every byte, and the fields are as long as the codec says");
        if bytes.len() < MESSAGE_BYTES_MIN {
            bytes.resize(MESSAGE_BYTES_MIN, 0);
        }
        bytes
    }
}
