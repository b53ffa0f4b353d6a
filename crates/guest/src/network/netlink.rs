//! Questions and orders to the kernel about interfaces, one at a time, without a runtime.

use std::io;

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// Bytes that one read takes; the kernel writes at most 32 KiB at a time.
const READ_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// What came in answer to one message.
enum Answer {
    More(Box<RouteNetlinkMessage>),
    End,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Has the kernel do something; `flags` say how, besides that an answer is wanted.
    pub(super) fn order(&mut self, order: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.send(order, NLM_F_ACK | flags)?;
        self.answers().map(drop)
    }

    /// Everything of a kind.
    pub(super) fn list(
        &mut self,
        question: RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.send(question, NLM_F_DUMP)?;
        self.answers()
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }

    fn answers(&self) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut all = Vec::new();
        loop {
            let mut bytes = Vec::with_capacity(READ_BYTES);
            self.socket.recv(&mut bytes, 0)?;
            let mut rest = bytes.as_slice();
            while let Some((message, behind)) = split_first(rest) {
                rest = behind;
                match self.answer(message)? {
                    Some(Answer::More(message)) => all.push(*message),
                    Some(Answer::End) => return Ok(all),
                    None => {}
                }
            }
        }
    }

    /// `None` for what answers an earlier message or cannot be read: an interface with an
    /// attribute unheard of keeps no other from being found.
    fn answer(&self, message: &[u8]) -> io::Result<Option<Answer>> {
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(message) else {
            return Ok(None);
        };
        if message.header.sequence_number != self.sequence {
            return Ok(None);
        }
        match message.payload {
            NetlinkPayload::InnerMessage(inner) => Ok(Some(Answer::More(Box::new(inner)))),
            NetlinkPayload::Done(_) | NetlinkPayload::Error(ErrorMessage { code: None, .. }) => {
                Ok(Some(Answer::End))
            }
            NetlinkPayload::Error(error) => Err(error.to_io()),
            _ => Ok(None),
        }
    }
}

/// The first message of many and the others, which begin at the next multiple of four bytes.
fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(NetlinkBuffer::new_checked(&bytes).ok()?.length()).ok()?;
    let (message, _) = bytes.split_at_checked(length)?;
    let behind = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((message, behind))
}
