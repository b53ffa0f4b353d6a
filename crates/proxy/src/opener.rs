//! The thread that goes into namespaces to make sockets there.

use std::{
    fs::File,
    io,
    net::TcpListener,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use crate::{
    ListenError,
    listen::{ListenAddress, listen},
    visit::Home,
};

/// Makes sockets in namespaces, on a thread of its own.
#[derive(Debug, Default)]
pub(crate) struct Opener {
    thread: Option<(Sender<Job>, Receiver<Answer>)>,
}

type Job = (File, ListenAddress);
type Answer = Result<TcpListener, ListenError>;

impl Opener {
    /// Listens at `address` in the namespace of `file`, which is closed afterwards.
    pub(crate) fn open(&mut self, file: File, address: ListenAddress) -> Answer {
        let (jobs, answers) = match self.thread.take() {
            Some(thread) => thread,
            None => start().map_err(|error| ListenError::of(error, ListenError::Thread))?,
        };
        let ended = || ListenError::Thread(io::Error::other("it ended; a new one is started"));
        jobs.send((file, address)).map_err(|_gone| ended())?;
        let answer = answers.recv().map_err(|_gone| ended())?;
        self.thread = Some((jobs, answers));
        answer
    }
}

fn start() -> io::Result<(Sender<Job>, Receiver<Answer>)> {
    let (jobs, to_do) = channel::<Job>();
    let (done, answers) = channel();
    let home = Home::here()?;
    thread::Builder::new().name("proxy-netns".to_owned()).spawn(move || {
        for (file, address) in to_do {
            let visit = home.visit(file, || listen(address));
            let answer = visit.outcome.map_err(ListenError::Enter).flatten();
            if done.send(answer).is_err() || !visit.is_home {
                return;
            }
        }
    })?;
    Ok((jobs, answers))
}
