//! Where the processes listen, by TCP or on a Unix socket.

use std::{
    convert::Infallible,
    fmt, fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    str::FromStr,
};

use anyhow::Context;
use rustix::{
    io::ioctl_fionbio,
    net::{listen, sockopt::set_tcp_nodelay},
};

/// Connections that wait to be accepted: as many as of the others.
const BACKLOG: i32 = 4096;

/// Where to listen, or to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// A listening socket that does not block.
    pub(super) fn listen(&self) -> anyhow::Result<OwnedFd> {
        let listener = self.bind().with_context(|| format!("listen at {self}"))?;
        // Again, for a longer queue than the standard library's.
        listen(&listener, BACKLOG)?;
        ioctl_fionbio(&listener, true)?;
        Ok(listener)
    }

    fn bind(&self) -> io::Result<OwnedFd> {
        match self {
            Self::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                // Connections inherit it.
                set_tcp_nodelay(&listener, true)?;
                Ok(listener.into())
            }
            Self::Unix(path) => {
                // Of the round before.
                if path.exists() {
                    fs::remove_file(path)?;
                }
                Ok(UnixListener::bind(path)?.into())
            }
        }
    }

    /// A connection that does not block.
    pub(super) fn connect(&self) -> io::Result<OwnedFd> {
        let socket = match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.into()
            }
            Self::Unix(path) => OwnedFd::from(UnixStream::connect(path)?),
        };
        ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }
}

impl FromStr for Address {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_no_address| Self::Unix(text.into()), Self::Tcp))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Duration};

    use innkeeper_lab::wait_until;
    use rustix::{
        io::Errno,
        net::{accept, getsockname},
    };

    use super::{super::deferred::defer, *};

    #[test]
    fn an_address_is_a_port_or_a_path() {
        let of = |text: &str| text.parse::<Address>().unwrap();
        assert_eq!(of("127.0.0.1:9698"), Address::Tcp(([127, 0, 0, 1], 9698).into()));
        assert_eq!(of("/run/raw-agent"), Address::Unix("/run/raw-agent".into()));
    }

    #[test]
    fn a_deferred_connection_is_there_when_its_first_bytes_are() {
        let listener = Address::Tcp(([127, 0, 0, 1], 0).into()).listen().unwrap();
        defer(&listener).unwrap();
        let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        assert_eq!(accept(&listener).unwrap_err(), Errno::AGAIN);
        stream.write_all(b"GET").unwrap();
        let accepted = || accept(&listener).is_ok();
        wait_until("the connection", Duration::from_secs(10), accepted).unwrap();
    }
}
