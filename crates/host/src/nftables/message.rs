//! nfnetlink messages about rules (linux/netfilter/nfnetlink.h, nf_tables.h): a header, then
//! attributes, whose contents this crate mostly compares and seldom reads.

use std::convert::Infallible;

use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};

use crate::netlink::{ATTRIBUTE_HEADER_BYTES, Attributes};

/// NFNL_SUBSYS_NFTABLES, the upper byte of a message's type.
const SUBSYSTEM: u16 = 10 << 8;
/// Family, version, and two bytes of a resource id.
const HEADER_BYTES: usize = 4;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The lower byte of the type: NFT_MSG_…
    pub(super) kind: u16,
    /// NFPROTO_…; 0 is any.
    pub(super) family: u8,
    pub(super) attributes: Vec<u8>,
}

impl Message {
    pub(super) fn new(kind: u16, family: u8) -> Self {
        Self { kind, family, attributes: Vec::new() }
    }

    /// Adds an attribute with a text, ended by a zero as the kernel wants it.
    pub(super) fn text(mut self, kind: u16, text: &str) -> Self {
        let length = ATTRIBUTE_HEADER_BYTES + text.len() + 1;
        let header = [u16::try_from(length).unwrap_or(u16::MAX), kind];
        self.attributes.extend(header.iter().flat_map(|half| half.to_ne_bytes()));
        self.attributes.extend(text.bytes());
        let padded = self.attributes.len() - text.len() + length.next_multiple_of(4)
            - ATTRIBUTE_HEADER_BYTES;
        self.attributes.resize(padded, 0);
        self
    }

    /// The attributes of the first level.
    pub(super) fn attributes(&self) -> Attributes<'_> {
        Attributes::of(&self.attributes)
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        SUBSYSTEM | self.kind
    }

    fn buffer_len(&self) -> usize {
        HEADER_BYTES + self.attributes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let (header, attributes) = buffer.split_at_mut(HEADER_BYTES);
        header.copy_from_slice(&[self.family, 0, 0, 0]);
        attributes.copy_from_slice(&self.attributes);
    }
}

impl NetlinkDeserializable for Message {
    type Error = Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Infallible> {
        Ok(Self {
            kind: header.message_type & 0xff,
            family: payload.first().copied().unwrap_or_default(),
            attributes: payload.get(HEADER_BYTES..).unwrap_or_default().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_read_as_they_are_written() {
        let message = Message::new(1, 1).text(1, "innkeeper").text(3, "abc").text(2, "");
        assert_eq!(message.attributes.len() % 4, 0);
        let read: Vec<_> = message.attributes().collect();
        assert_eq!(read, [(1, b"innkeeper\0".as_slice()), (3, b"abc\0"), (2, b"\0")]);
        assert_eq!(message.attributes().find(3), Some(b"abc\0".as_slice()));
        assert_eq!(message.attributes().find(9), None);
    }
}
