//! Going into a namespace and coming home.

use std::{fs::File, io, os::fd::AsFd};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The namespace that a thread belongs in.
#[derive(Debug)]
pub(crate) struct Home(File);

/// What a thread brings back from a namespace.
#[derive(Debug)]
pub(crate) struct Visit<T> {
    /// What came of the work; fails if the namespace could not be entered, as a file of another
    /// kind of namespace cannot.
    pub(crate) outcome: io::Result<T>,
    /// Whether the thread is home again. One that is not must end, lest it do its next work in a
    /// namespace that is none of its business.
    pub(crate) is_home: bool,
}

impl Home {
    /// Where the calling thread is.
    pub(crate) fn here() -> io::Result<Self> {
        File::open("/proc/thread-self/ns/net").map(Self)
    }

    /// Does `work` in `namespace`, whose file is closed before anybody hears of it.
    pub(crate) fn visit<T>(&self, namespace: File, work: impl FnOnce() -> T) -> Visit<T> {
        let outcome = enter(&namespace).map(|()| work());
        drop(namespace);
        Visit { outcome, is_home: enter(&self.0).is_ok() }
    }
}

fn enter(namespace: &File) -> io::Result<()> {
    let network = Some(LinkNameSpaceType::Network);
    move_into_link_name_space(namespace.as_fd(), network).map_err(io::Error::from)
}
