//! A connection at whose other end is who asks, or who is asked.

use std::{
    io::{self, ErrorKind},
    os::fd::OwnedFd,
};

use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
    io::{Errno, read},
    net::{SendFlags, send},
};

use super::numbered::number;

/// A connection that does not block.
#[derive(Debug)]
pub(super) struct Connection {
    socket: OwnedFd,
    /// The beginning of a message that has not all come.
    begun: Vec<u8>,
}

impl Connection {
    pub(super) const fn new(socket: OwnedFd) -> Self {
        Self { socket, begun: Vec::new() }
    }

    /// The number of its descriptor.
    pub(super) fn number(&self) -> usize {
        number(&self.socket)
    }

    /// Reads a message into `message`, which has room for the longest, and says whether it is whole;
    /// if not, all that has come is read.
    pub(super) fn receive(
        &mut self,
        message: &mut Vec<u8>,
        is_whole: fn(&[u8]) -> bool,
    ) -> io::Result<bool> {
        message.clear();
        message.append(&mut self.begun);
        while message.len() < message.capacity() {
            match read(&self.socket, spare_capacity(message)) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) if is_whole(message) => return Ok(true),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.begun.extend_from_slice(message);
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ErrorKind::FileTooLarge.into())
    }

    /// Sends a message at once, or fails: with one exchange at a time the socket has room for all of
    /// it, and who would wait for room is a guest that does not read.
    pub(super) fn send(&self, message: &[u8]) -> io::Result<()> {
        match send(&self.socket, message, SendFlags::NOSIGNAL)? {
            sent if sent == message.len() => Ok(()),
            _ => Err(ErrorKind::WriteZero.into()),
        }
    }

    /// Has `epoll` tell by its number when something has come, for as long as it is open.
    pub(super) fn watch(&self, epoll: &OwnedFd) -> io::Result<()> {
        watch(&self.socket, epoll)
    }
}

/// Has `epoll` tell by its number when something has come to a socket: once, not for as long as it is
/// there, and so nothing is to be said to `epoll` again.
pub(super) fn watch(socket: &OwnedFd, epoll: &OwnedFd) -> io::Result<()> {
    let number = EventData::new_u64(number(socket) as u64);
    Ok(epoll::add(epoll, socket, number, EventFlags::IN | EventFlags::ET)?)
}
