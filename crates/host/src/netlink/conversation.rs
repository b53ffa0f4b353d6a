//! Questions and orders to the kernel, one at a time, over a socket that waits for the answer.

use std::io;

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// Bytes that one read takes; the kernel writes at most 32 KiB at a time.
const READ_BYTES: usize = 64 * 1024;

/// One socket of one netlink protocol, in the namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Conversation {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// What came in answer to one message.
enum Answer<M> {
    More(M),
    End,
}

impl Conversation {
    /// Opens a socket of `protocol` in the calling thread's namespace.
    pub(crate) fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0, buffer: Vec::with_capacity(READ_BYTES) })
    }

    /// Has the kernel do something; `flags` say how, besides that an answer is wanted.
    pub(crate) fn order<M>(&mut self, order: M, flags: u16) -> io::Result<()>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        self.send(order, NLM_F_ACK | flags)?;
        self.answers::<M>().map(drop)
    }

    /// Everything of a kind.
    pub(crate) fn list<Q, A>(&mut self, question: Q) -> io::Result<Vec<A>>
    where
        Q: NetlinkSerializable,
        A: NetlinkDeserializable,
    {
        self.send(question, NLM_F_DUMP)?;
        self.answers()
    }

    /// The one thing that is asked for.
    pub(crate) fn get<Q, A>(&mut self, question: Q) -> io::Result<Option<A>>
    where
        Q: NetlinkSerializable,
        A: NetlinkDeserializable,
    {
        self.send(question, NLM_F_ACK)?;
        Ok(self.answers()?.into_iter().next())
    }

    fn send<M: NetlinkSerializable>(&mut self, message: M, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }

    fn answers<M: NetlinkDeserializable>(&mut self) -> io::Result<Vec<M>> {
        let mut all = Vec::new();
        loop {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer, 0)?;
            let mut rest = self.buffer.as_slice();
            while let Some((message, behind)) = split_first(rest) {
                rest = behind;
                match answer(self.sequence, message)? {
                    Some(Answer::More(message)) => all.push(message),
                    Some(Answer::End) => return Ok(all),
                    None => {}
                }
            }
        }
    }
}

/// `None` for what answers an earlier message or cannot be read: an interface with an attribute
/// unheard of keeps no other from being found.
fn answer<M: NetlinkDeserializable>(sequence: u32, bytes: &[u8]) -> io::Result<Option<Answer<M>>> {
    let Ok(message) = NetlinkMessage::<M>::deserialize(bytes) else { return Ok(None) };
    if message.header.sequence_number != sequence {
        return Ok(None);
    }
    match message.payload {
        NetlinkPayload::InnerMessage(inner) => Ok(Some(Answer::More(inner))),
        NetlinkPayload::Done(_) | NetlinkPayload::Error(ErrorMessage { code: None, .. }) => {
            Ok(Some(Answer::End))
        }
        NetlinkPayload::Error(error) => Err(error.to_io()),
        _ => Ok(None),
    }
}

/// The first message of many and the others, which begin at the next multiple of four bytes.
pub(super) fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(NetlinkBuffer::new_checked(&bytes).ok()?.length()).ok()?;
    let (message, _) = bytes.split_at_checked(length)?;
    let behind = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((message, behind))
}
