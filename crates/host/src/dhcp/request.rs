//! What a client sent, as far as it matters here.
//!
//! Of the codec only the lazy half reads what comes from outside. The other half takes every option
//! apart, stops at the first that is not as it should be, so that a host name in Latin-1 hides what
//! comes behind it, and panics at a rapid commit that has a length.

use std::net::Ipv4Addr;

use dhcproto::v4::{Flags, HType, Opcode, borrowed};
use innkeeper_model::MacAddress;

use super::code;

/// Bytes of a request: clients must not send more than fits any link (RFC 2131 §2), and none does.
pub const REQUEST_BYTES_MAX: usize = 1500;

/// A client's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it wants.
    pub kind: RequestKind,
    /// Chosen by the client; its answer has the same.
    pub xid: u32,
    /// As sent; the highest bit asks for a broadcast.
    pub flags: u16,
    /// The address that it uses already, or 0.0.0.0.
    pub ciaddr: Ipv4Addr,
    /// Who asks.
    pub mac: MacAddress,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// Option 55: the options that it wants; `None` if it did not say.
    pub wanted: Option<Vec<u8>>,
    /// Option 57: the longest message that it takes, in bytes.
    pub max_message: Option<u16>,
    /// Option 61.
    pub client_id: Option<Vec<u8>>,
}

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// DHCPDISCOVER.
    Discover,
    /// DHCPREQUEST.
    Request,
    /// DHCPDECLINE.
    Decline,
    /// DHCPRELEASE.
    Release,
    /// DHCPINFORM.
    Inform,
}

/// Why a datagram is not a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARequest {
    /// Longer than any client's message.
    #[error("it is too long")]
    TooLong,
    /// Shorter than the fixed fields, or without the magic cookie.
    #[error("it is no DHCP message")]
    Malformed,
    /// From another server.
    #[error("it is a reply")]
    Reply,
    /// Not from Ethernet, or not from one machine.
    #[error("its hardware address is no unicast Ethernet address")]
    HardwareAddress,
    /// By way of a relay agent.
    #[error("it was relayed")]
    Relayed,
    /// BOOTP, or a message that servers do not answer.
    #[error("its message type is missing or is none of a client's")]
    Kind,
}

impl Request {
    /// Reads a datagram. Options whose length is wrong are as good as absent.
    pub fn read(datagram: &[u8]) -> Result<Self, NotARequest> {
        if datagram.len() > REQUEST_BYTES_MAX {
            return Err(NotARequest::TooLong);
        }
        let message = borrowed::Message::new(datagram).map_err(|_short| NotARequest::Malformed)?;
        if message.opcode() != Opcode::BootRequest {
            return Err(NotARequest::Reply);
        }
        // The codec takes the length on trust: it is looked at before the address.
        if message.htype() != HType::Eth || message.hlen() != 6 {
            return Err(NotARequest::HardwareAddress);
        }
        let mac = <[u8; 6]>::try_from(message.chaddr()).ok().and_then(MacAddress::new);
        let mac = mac.ok_or(NotARequest::HardwareAddress)?;
        if message.hops() != 0 || !message.giaddr().is_unspecified() {
            return Err(NotARequest::Relayed);
        }
        let mut kind = None;
        let mut request = Self {
            kind: RequestKind::Discover,
            xid: message.xid(),
            flags: message.flags().into(),
            ciaddr: message.ciaddr(),
            mac,
            requested: None,
            server: None,
            wanted: None,
            max_message: None,
            client_id: None,
        };
        for option in message.opts() {
            let data = option.data();
            match u8::from(option.code()) {
                code::MESSAGE_TYPE => kind = RequestKind::read(data),
                code::REQUESTED_ADDRESS => request.requested = address(data),
                code::SERVER_ID => request.server = address(data),
                code::PARAMETER_REQUEST_LIST => request.wanted = Some(data.to_vec()),
                code::MAX_MESSAGE_SIZE => {
                    request.max_message = data.try_into().ok().map(u16::from_be_bytes);
                }
                code::CLIENT_ID => request.client_id = Some(data.to_vec()),
                _ => {}
            }
        }
        request.kind = kind.ok_or(NotARequest::Kind)?;
        Ok(request)
    }

    /// Whether the client cannot receive unicast before it has an address.
    pub(super) fn wants_broadcast(&self) -> bool {
        Flags::new(self.flags).broadcast()
    }

    /// Whether the client asked for the option, by name or by asking for nothing in particular.
    pub(super) fn wants(&self, code: u8) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&code))
    }
}

impl RequestKind {
    fn read(data: &[u8]) -> Option<Self> {
        Some(match data {
            [1] => Self::Discover,
            [3] => Self::Request,
            [4] => Self::Decline,
            [7] => Self::Release,
            [8] => Self::Inform,
            _ => return None,
        })
    }
}

fn address(data: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::testing::datagram;

    const DISCOVER: &[u8] = &[53, 1, 1];

    #[test]
    fn reads_what_matters() {
        let options = [
            &[53, 1, 3, 50, 4, 10, 0, 0, 5, 54, 4, 10, 0, 0, 2, 57, 2, 5, 220][..],
            &[0, 0, 12, 2, 0xff, 0xfe, 61, 3, 1, 2, 3, 55, 2, 1, 3, 55, 1, 121, 255, 1, 1, 1],
        ];
        let read = Request::read(&datagram(&options.concat())).unwrap();
        assert_eq!(read.kind, RequestKind::Request);
        assert_eq!(read.requested, Some(Ipv4Addr::new(10, 0, 0, 5)));
        assert_eq!(read.server, Some(Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(read.max_message, Some(1500));
        assert_eq!(read.client_id.as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(read.wanted.as_deref(), Some(&[1, 3, 121][..]), "split as RFC 3396 says");
        assert!(read.wants(121) && !read.wants(12));
    }

    #[test]
    fn options_that_are_none_of_ours_may_be_as_they_like() {
        let read =
            Request::read(&datagram(&[80, 1, 1, 12, 1, 0xe4, 121, 1, 33, 53, 1, 1])).unwrap();
        assert_eq!(read.kind, RequestKind::Discover);
    }

    #[test]
    fn options_of_a_wrong_length_are_absent() {
        let read = Request::read(&datagram(&[53, 1, 1, 50, 3, 1, 2, 3, 57, 1, 9, 54, 0]));
        let read = read.unwrap();
        assert_eq!((read.requested, read.max_message, read.server), (None, None, None));
    }

    #[test]
    fn what_is_no_clients_message_is_refused() {
        let changed = |at: usize, byte: u8| {
            let mut datagram = datagram(DISCOVER);
            datagram[at] = byte;
            Request::read(&datagram)
        };
        assert!(Request::read(&datagram(DISCOVER)).is_ok());
        for (at, byte, why) in [
            (0, 2, NotARequest::Reply),
            (1, 6, NotARequest::HardwareAddress),
            (2, 16, NotARequest::HardwareAddress),
            (2, 255, NotARequest::HardwareAddress),
            (28, 1, NotARequest::HardwareAddress),
            (3, 1, NotARequest::Relayed),
            (24, 10, NotARequest::Relayed),
            (236, 0, NotARequest::Kind),
            (242, 2, NotARequest::Kind),
            (240, 0, NotARequest::Kind),
        ] {
            assert_eq!(changed(at, byte), Err(why), "byte {at} is {byte}");
        }
        assert_eq!(Request::read(&datagram(DISCOVER)[..239]), Err(NotARequest::Malformed));
        assert_eq!(Request::read(&[0; REQUEST_BYTES_MAX + 1]), Err(NotARequest::TooLong));
    }
}
