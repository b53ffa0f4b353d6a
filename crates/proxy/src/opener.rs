//! The thread that goes into namespaces to make sockets there.

use std::{
    fs::File,
    io,
    net::TcpListener,
    os::fd::AsFd,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::listen::{ListenAddress, ListenError, listen};

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
            None => start().map_err(ListenError::Thread)?,
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
    let home = File::open("/proc/thread-self/ns/net")?;
    thread::Builder::new().name("proxy-netns".to_owned()).spawn(move || {
        for (file, address) in to_do {
            let answer = enter(&file)
                .map_err(|error| ListenError::Enter(error.into()))
                .and_then(|()| listen(address));
            drop(file);
            // A thread that cannot go home must not make another socket: with it ends its
            // wandering, and the next job starts a new thread.
            let is_home = enter(&home).is_ok();
            if done.send(answer).is_err() || !is_home {
                return;
            }
        }
    })?;
    Ok((jobs, answers))
}

/// Goes into a namespace; fails if the file is another kind of namespace.
fn enter(namespace: &File) -> rustix::io::Result<()> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
}
