//! One process: a single thread that reads requests, has them answered, and passes the answers on.
//!
//! It reads and writes first and waits only where it must, and says as little as can be to `epoll`,
//! which never hears of a guest that asks once and whose request is there when it is accepted.

use std::{io, mem, os::fd::OwnedFd};

use anyhow::Context;
use rustix::{
    buffer::spare_capacity,
    event::epoll,
    io::Errno,
    net::{SocketFlags, accept_with},
};

use super::{
    connection::{Connection, watch},
    message::{add_headers, is_last, is_whole_request},
    next::Next,
    numbered::{Numbered, number},
    prepared::Prepared,
};

/// More than any message that is measured is long.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Events that are asked for at once; those beyond come with the next ones.
const EVENTS_AT_ONCE: usize = 256;
/// To what nothing is prepared for.
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// Where answers come from.
#[derive(Debug)]
pub(super) enum Behind {
    Prepared(Prepared),
    Next(Next),
}

/// A guest, or a connection of the process before.
#[derive(Debug)]
struct Asker {
    connection: Connection,
    is_watched: bool,
    /// Whether its answer is under way; until then it stays, whatever comes from it, so that its
    /// number is nobody else's.
    waits: bool,
    /// Whether something came while it waited.
    was_heard: bool,
    /// Whether it wants no other answer than this.
    is_last: bool,
}

/// A process at work.
#[derive(Debug)]
pub(super) struct Hop {
    epoll: OwnedFd,
    listener: OwnedFd,
    /// Whether who asks may end its connection by saying so.
    guests: bool,
    askers: Numbered<Asker>,
    behind: Behind,
    /// The message that is passed on now.
    message: Vec<u8>,
}

impl Hop {
    pub(super) fn new(listener: OwnedFd, guests: bool, behind: Behind) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        watch(&listener, &epoll)?;
        let message = Vec::with_capacity(MESSAGE_BYTES_MAX);
        Ok(Self { epoll, listener, guests, askers: Numbered::new(), behind, message })
    }

    /// Works until it is killed.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("wait for something to come"),
            }
            for event in events.drain(..) {
                self.attend(usize::try_from(event.data.u64())?)?;
            }
        }
    }

    /// Something may have come: the number may be another's by now, who then finds nothing.
    fn attend(&mut self, from: usize) -> anyhow::Result<()> {
        if from == number(&self.listener) {
            return self.accept();
        }
        match self.askers.get(from) {
            Some(asker) if asker.waits => asker.was_heard = true,
            Some(_) => self.hear(from),
            None => self.take_answer(from),
        }
        Ok(())
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        loop {
            match accept_with(&self.listener, flags) {
                Ok(socket) => {
                    let asker = Asker::new(socket);
                    let number = asker.connection.number();
                    self.askers.put(number, asker);
                    self.hear(number);
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => return Err(error).context("accept a connection"),
            }
        }
    }

    /// Reads what an asker asks and has it answered; who cannot be served is let go.
    fn hear(&mut self, number: usize) {
        if self.serve(number).is_err() {
            self.askers.take(number);
        }
    }

    fn serve(&mut self, number: usize) -> io::Result<()> {
        let Some(asker) = self.askers.get(number) else { return Ok(()) };
        if !asker.connection.receive(&mut self.message, is_whole_request)? {
            return asker.watch(&self.epoll);
        }
        asker.is_last = self.guests && is_last(&self.message);
        match &mut self.behind {
            Behind::Prepared(prepared) => {
                asker.connection.send(prepared.answer(&self.message).unwrap_or(NOT_FOUND))?;
                self.go_on(number)
            }
            Behind::Next(next) => {
                asker.waits = true;
                add_headers(&mut self.message);
                next.ask(number, &self.message, &self.epoll)
            }
        }
    }

    /// Passes an answer on to who waits for it, who cannot be served if there is none.
    fn take_answer(&mut self, link: usize) {
        let Behind::Next(next) = &mut self.behind else { return };
        let Some((number, outcome)) = next.receive(link, &mut self.message) else { return };
        if outcome.and_then(|()| self.pass_on(number)).is_err() {
            self.askers.take(number);
        }
    }

    fn pass_on(&mut self, number: usize) -> io::Result<()> {
        let Some(asker) = self.askers.get(number) else { return Ok(()) };
        asker.connection.send(&self.message)?;
        self.go_on(number)
    }

    /// After an answer.
    fn go_on(&mut self, number: usize) -> io::Result<()> {
        let Some(asker) = self.askers.get(number) else { return Ok(()) };
        asker.waits = false;
        if asker.is_last {
            self.askers.take(number);
            return Ok(());
        }
        asker.watch(&self.epoll)?;
        match mem::take(&mut asker.was_heard) {
            true => self.serve(number),
            false => Ok(()),
        }
    }
}

impl Asker {
    const fn new(socket: OwnedFd) -> Self {
        Self {
            connection: Connection::new(socket),
            is_watched: false,
            waits: false,
            was_heard: false,
            is_last: false,
        }
    }

    fn watch(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        match mem::replace(&mut self.is_watched, true) {
            true => Ok(()),
            false => self.connection.watch(epoll),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{Read, Write},
        net::{SocketAddr, TcpStream},
        path::Path,
        thread,
    };

    use innkeeper_lab::read_reply;
    use rustix::net::getsockname;

    use super::{super::address::Address, *};
    use crate::load::{Connections, request};

    /// Starts a chain with its files in a directory; it ends with the tests: where guests ask, and the
    /// body that they are answered.
    fn chain(directory: &Path) -> (SocketAddr, Vec<u8>) {
        let body = vec![b'x'; 3000];
        let file = directory.join("answer");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        fs::write(&file, [head.as_bytes(), &body].concat()).unwrap();
        let prepared = Prepared::read(&[format!("/there={}", file.display())]).unwrap();
        let any_port = Address::Tcp(([127, 0, 0, 1], 0).into());
        let api = spawn(&any_port, false, Behind::Prepared(prepared)).unwrap();
        let agent = Address::Unix(directory.join("agent"));
        assert_eq!(spawn(&agent, false, behind(Address::Tcp(api))), None);
        (spawn(&any_port, true, behind(agent)).unwrap(), body)
    }

    fn behind(next: Address) -> Behind {
        Behind::Next(Next::new(next))
    }

    fn spawn(address: &Address, guests: bool, behind: Behind) -> Option<SocketAddr> {
        let listener = address.listen().unwrap();
        let address = getsockname(&listener).unwrap();
        let hop = Hop::new(listener, guests, behind).unwrap();
        thread::spawn(|| hop.run().unwrap());
        SocketAddr::try_from(address).ok()
    }

    #[test]
    fn answers_come_whole_through_all_three() {
        let directory = tempfile::tempdir().unwrap();
        let (guests, body) = chain(directory.path());
        let mut kept: Vec<_> = (0..4).map(|_| TcpStream::connect(guests).unwrap()).collect();
        for round in 0..3 {
            for stream in &mut kept {
                stream.write_all(&request("/there", Connections::Kept)).unwrap();
            }
            for stream in &mut kept {
                let reply = read_reply(stream).unwrap();
                assert!(reply.status == 200 && reply.body == body, "{round}: {reply:?}");
            }
        }
    }

    #[test]
    fn who_asks_once_is_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let (guests, body) = chain(directory.path());
        for _ in 0..3 {
            let mut stream = TcpStream::connect(guests).unwrap();
            stream.write_all(&request("/there", Connections::PerRequest)).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert!(answer.ends_with(&body), "{} bytes", answer.len());
        }
    }

    #[test]
    fn a_request_may_come_in_pieces_and_an_answer_be_none() {
        let directory = tempfile::tempdir().unwrap();
        let (guests, _) = chain(directory.path());
        let mut stream = TcpStream::connect(guests).unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in request("/elsewhere", Connections::Kept) {
            stream.write_all(&[byte]).unwrap();
        }
        assert_eq!(read_reply(&mut stream).unwrap().status, 404);
    }
}
