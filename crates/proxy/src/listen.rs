//! Making a listening socket in the namespace that the calling thread is in.

use std::{
    fs::File,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::fd::AsFd,
};

use innkeeper_wire::limits::{BACKLOG, WRITE_TIMEOUT};
use rustix::{fs::fstatfs, io::Errno};
use socket2::{Domain, Protocol, Socket, Type};

/// The address that guests ask.
const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The port that guests ask.
const GUEST_PORT: u16 = 80;
/// The file system type of namespace files (linux/magic.h).
const NSFS_MAGIC: u32 = 0x6e73_6673;

/// Where to listen in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// This port of every address: what was asked is redirected to it.
    Wildcard(u16),
    /// 169.254.169.254:80 itself.
    Metadata,
}

/// One namespace of the kernel, whatever its names. Two that are alive at once differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamespaceId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

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

/// Refuses a file that no namespace is bound to.
pub(crate) fn check_is_namespace(file: &File) -> Result<(), ListenError> {
    let status = fstatfs(file.as_fd()).map_err(|error| ListenError::Open(error.into()))?;
    match u32::try_from(status.f_type) {
        Ok(NSFS_MAGIC) => Ok(()),
        _ => Err(ListenError::NotANamespace),
    }
}

/// Listens at `address` in the calling thread's namespace.
pub(crate) fn listen(address: ListenAddress) -> Result<TcpListener, ListenError> {
    match address {
        ListenAddress::Metadata => bind((METADATA_ADDRESS, GUEST_PORT).into()),
        ListenAddress::Wildcard(port) => match bind((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(ListenError::Socket { source, .. }) if no_ipv6(&source) => {
                bind((Ipv4Addr::UNSPECIFIED, port).into())
            }
            bound => bound,
        },
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    make(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(address),
        _ => ListenError::Socket { address, source },
    })
}

fn make(address: SocketAddr) -> io::Result<TcpListener> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // The address may not be there yet, or never be on a link of this namespace.
    socket.set_freebind_v4(true)?;
    socket.set_reuse_address(true)?;
    // Connections inherit these from their listener.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(WRITE_TIMEOUT))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn no_ipv6(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].iter().any(|none| code == Some(none.raw_os_error()))
}
