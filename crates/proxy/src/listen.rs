//! Making a listening socket in the namespace that the calling thread is in.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use innkeeper_wire::limits::{BACKLOG, WRITE_TIMEOUT};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::ListenError;

/// The address that guests ask.
const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The address that guests ask over IPv6.
const METADATA_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);
/// The port that guests ask.
const GUEST_PORT: u16 = 80;

/// Where to listen in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// This port of every address: what was asked is redirected to it.
    Wildcard(u16),
    /// Port 80 of 169.254.169.254 and fe80::a9fe:a9fe.
    ///
    /// The socket is everybody's, and what comes to other addresses is refused afterwards: a bind
    /// to the link-local address would need its link, an address that duplicate-address detection
    /// has let pass, a second descriptor, and all of it again after a link was made anew.
    Metadata,
}

impl ListenAddress {
    /// Whether no connection is ever refused for where it came to, so that this need not be asked.
    pub(crate) const fn admits_all(self) -> bool {
        matches!(self, Self::Wildcard(_))
    }

    /// Whether a connection that came to `local` was meant for the service.
    pub(crate) fn admits(self, local: IpAddr) -> bool {
        match self {
            Self::Wildcard(_) => true,
            Self::Metadata => match local.to_canonical() {
                IpAddr::V4(address) => address == METADATA_ADDRESS,
                IpAddr::V6(address) => address == METADATA_ADDRESS_V6,
            },
        }
    }
}

/// Listens at `address` in the calling thread's namespace.
pub(crate) fn listen(address: ListenAddress) -> Result<TcpListener, ListenError> {
    listen_by(make, address)
}

fn listen_by<T>(
    make: impl Fn(SocketAddr) -> io::Result<T>,
    address: ListenAddress,
) -> Result<T, ListenError> {
    let (port, without_ipv6) = match address {
        ListenAddress::Metadata => (GUEST_PORT, METADATA_ADDRESS),
        ListenAddress::Wildcard(port) => (port, Ipv4Addr::UNSPECIFIED),
    };
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match make(both) {
        Err(error) if is_no_ipv6(&error) => {
            let address = SocketAddr::from((without_ipv6, port));
            make(address).map_err(|error| refused(address, error))
        }
        made => made.map_err(|error| refused(both, error)),
    }
}

fn refused(address: SocketAddr, error: io::Error) -> ListenError {
    match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(address),
        _ => ListenError::of(error, |source| ListenError::Socket { address, source }),
    }
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

fn is_no_ipv6(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].iter().any(|none| code == Some(none.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_services_own_addresses_are_meant() {
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::a9fe:a9fe"] {
            assert!(ListenAddress::Metadata.admits(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.2", "::ffff:10.0.0.2", "127.0.0.1", "fe80::1", "::169.254.169.254"]
        {
            let address = address.parse().unwrap();
            assert!(!ListenAddress::Metadata.admits(address), "{address}");
            assert!(ListenAddress::Wildcard(9697).admits(address), "{address}");
        }
    }

    /// A kernel started with ipv6.disable=1, which no namespace can stand in for.
    #[test]
    fn a_kernel_without_ipv6_is_listened_to_over_ipv4() {
        let kernel = |address: SocketAddr| {
            if address.is_ipv6() { Err(Errno::AFNOSUPPORT.into()) } else { Ok(address.to_string()) }
        };
        let listened = |address| listen_by(kernel, address).unwrap();
        assert_eq!(listened(ListenAddress::Metadata), "169.254.169.254:80");
        assert_eq!(listened(ListenAddress::Wildcard(9697)), "0.0.0.0:9697");
    }

    #[test]
    fn the_want_of_descriptors_is_no_want_of_ipv6() {
        let kernel = |_| -> io::Result<()> { Err(Errno::MFILE.into()) };
        let error = listen_by(kernel, ListenAddress::Metadata).unwrap_err();
        assert!(matches!(error, ListenError::NoDescriptor(_)), "{error}");
    }
}
