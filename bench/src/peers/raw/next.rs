//! The next process, on connections that are made when all others are in use, and kept.

use std::{io, os::fd::OwnedFd};

use super::{
    address::Address, connection::Connection, message::is_whole_answer, numbered::Numbered,
};

/// Who is asked, and the connections there.
#[derive(Debug)]
pub(super) struct Next {
    address: Address,
    links: Numbered<Link>,
    /// Those on which nothing is under way; the one at the end was used last.
    idle: Vec<usize>,
}

/// A kept connection to the next process.
#[derive(Debug)]
struct Link {
    connection: Connection,
    /// For whom an answer is under way.
    asker: Option<usize>,
}

impl Next {
    /// The one that listens there; it need not do so yet.
    pub(super) const fn new(address: Address) -> Self {
        Self { address, links: Numbered::new(), idle: Vec::new() }
    }

    /// Sends a request on; the answer is waited for like everything else.
    pub(super) fn ask(&mut self, asker: usize, request: &[u8], epoll: &OwnedFd) -> io::Result<()> {
        let number = match self.idle.pop() {
            Some(number) => number,
            None => self.connect(epoll)?,
        };
        let Some(link) = self.links.get(number) else { return Ok(()) };
        if let Err(error) = link.connection.send(request) {
            self.links.take(number);
            return Err(error);
        }
        link.asker = Some(asker);
        Ok(())
    }

    fn connect(&mut self, epoll: &OwnedFd) -> io::Result<usize> {
        let connection = Connection::new(self.address.connect()?);
        connection.watch(epoll)?;
        let number = connection.number();
        self.links.put(number, Link { connection, asker: None });
        Ok(number)
    }

    /// Reads from a link: for whom, and whether `answer` is now what it waited for.
    pub(super) fn receive(
        &mut self,
        number: usize,
        answer: &mut Vec<u8>,
    ) -> Option<(usize, io::Result<()>)> {
        let link = self.links.get(number)?;
        match link.connection.receive(answer, is_whole_answer) {
            Ok(false) => None,
            Ok(true) => {
                let asker = link.asker.take()?;
                self.idle.push(number);
                Some((asker, Ok(())))
            }
            Err(error) => {
                self.idle.retain(|idle| *idle != number);
                let asker = self.links.take(number)?.asker?;
                Some((asker, Err(error)))
            }
        }
    }
}
