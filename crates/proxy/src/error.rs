use std::{io, net::SocketAddr};

use rustix::io::Errno;

/// Why a namespace is not served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Its file is there, but no namespace is bound to it.
    #[error(
        "not a network namespace: make it with ip netns add, or remove the file with ip netns del"
    )]
    NotANamespace,
    /// Its file could not be opened.
    #[error("cannot open the namespace's file: {0}")]
    Open(#[source] io::Error),
    /// It could not be entered.
    #[error("cannot enter the namespace: {0} (the proxy role needs CAP_SYS_ADMIN)")]
    Enter(#[source] io::Error),
    /// Something else listens there.
    #[error("{0} is taken by another program in the namespace: stop it (haproxy of Neutron?)")]
    Taken(SocketAddr),
    /// There are as many open files as may be. It does not say at which step, so that it is one
    /// trouble however often another step fails.
    #[error("no file descriptor is left: {0}")]
    NoDescriptor(&'static str),
    /// The socket could not be made.
    #[error("cannot listen on {address}: {source}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The socket was made, but the runtime cannot wait for its connections.
    #[error("cannot wait for connections: {0}")]
    Attend(#[source] io::Error),
    /// The directory of namespaces could not be read.
    #[error("cannot list the directory of namespaces: {0}")]
    Directory(#[source] io::Error),
    /// The thread that watches the directory ended.
    #[error("the watch on the directory of namespaces ended by a defect: restart the proxy role")]
    Watcher,
    /// The thread that makes sockets could not be started, or ended.
    #[error("cannot use a thread to make sockets: {0}")]
    Thread(#[source] io::Error),
}

impl ListenError {
    /// The want of descriptors if `error` is that, else what `otherwise` makes of it.
    pub(crate) fn of(error: io::Error, otherwise: impl FnOnce(io::Error) -> Self) -> Self {
        match limit_to_raise(&error) {
            Some(advice) => Self::NoDescriptor(advice),
            None => otherwise(error),
        }
    }
}

/// What to raise if `error` comes of too many open files.
pub(crate) fn limit_to_raise(error: &io::Error) -> Option<&'static str> {
    let is = |errno: Errno| error.raw_os_error() == Some(errno.raw_os_error());
    if is(Errno::MFILE) {
        Some("raise this process's limit of open files (LimitNOFILE= in the unit, ulimit -n)")
    } else if is(Errno::NFILE) {
        Some("raise this machine's limit of open files (sysctl fs.file-max)")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_want_of_descriptors_names_the_limit() {
        let of = |errno: Errno| ListenError::of(errno.into(), ListenError::Open).to_string();
        assert!(of(Errno::MFILE).contains("LimitNOFILE="), "{}", of(Errno::MFILE));
        assert!(of(Errno::NFILE).contains("fs.file-max"), "{}", of(Errno::NFILE));
        assert!(of(Errno::ACCESS).starts_with("cannot open"), "{}", of(Errno::ACCESS));
    }
}
