//! Where a next hop is, and a connection to it.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use http::HeaderValue;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    plain::{Kept, UNUSUAL_MAX},
    pool::Pool,
};
use crate::limits::{CONNECT_TIMEOUT, DEAD_HOST_TIMEOUT, RESPONSE_HEAD_BYTES_MAX};

/// One address of a next hop, with the connections to it that are kept for reuse.
#[derive(Debug)]
pub struct Upstream {
    address: Address,
    host: HeaderValue,
    pub(super) pool: Pool,
    pub(super) kept: Kept,
    /// Whether its answers are those of a hop of ours.
    pub(super) is_ours: AtomicBool,
    /// How many of them were none that ours gives.
    pub(super) unusual: AtomicU32,
}

/// A connection of whatever kind.
pub(super) type Stream = Box<dyn Duplex>;

/// What a connection can do.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<Io: AsyncRead + AsyncWrite + Unpin + Send> Duplex for Io {}

/// Why an address cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Neither a name nor an address.
    #[error("\"{0}\" is neither a host name nor an IP address; give one, without a scheme")]
    BadHost(String),
}

enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16, tls: Option<(TlsConnector, ServerName<'static>)> },
}

impl Upstream {
    /// The Unix socket at `path`.
    pub fn unix(path: PathBuf) -> Self {
        // As Neutron's proxies call it: the address the guest asked.
        let host = HeaderValue::from_static("169.254.169.254");
        Self::at(Address::Unix(path), host)
    }

    /// `host` (a name or an address) and `port`, with TLS if settings for it are given.
    pub fn tcp(
        host: &str,
        port: u16,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, UpstreamError> {
        let bad = || UpstreamError::BadHost(host.to_owned());
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).ok().ok_or_else(bad)?;
        let in_url =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let tls = tls.map(|config| (TlsConnector::from(config), name));
        let address = Address::Tcp { host: host.to_owned(), port, tls };
        Ok(Self::at(address, HeaderValue::try_from(in_url).ok().ok_or_else(bad)?))
    }

    fn at(address: Address, host: HeaderValue) -> Self {
        let (pool, kept) = (Pool::new(), Kept::default());
        let (is_ours, unusual) = (AtomicBool::new(false), AtomicU32::new(0));
        Self { address, host, pool, kept, is_ours, unusual }
    }

    /// Whether it is worth while to ask it as one of ours.
    pub(super) fn answers_plainly(&self) -> bool {
        self.is_ours.load(Ordering::Relaxed) && self.unusual.load(Ordering::Relaxed) < UNUSUAL_MAX
    }

    /// What it is called in a Host header.
    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// A new connection that hyper takes care of.
    pub(super) async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        converse(self.open().await?).await
    }

    /// A new connection.
    pub(super) async fn open(&self) -> io::Result<Stream> {
        let connected = async {
            match &self.address {
                Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?) as Stream),
                Address::Tcp { host, port, tls } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    // Only speed depends on the one; the other tells a dead host from a slow one.
                    let _ = stream.set_nodelay(true);
                    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(DEAD_HOST_TIMEOUT));
                    match tls {
                        None => Ok(Box::new(stream) as Stream),
                        Some((tls, name)) => {
                            Ok(Box::new(tls.connect(name.clone(), stream).await?) as Stream)
                        }
                    }
                }
            }
        };
        match timeout(CONNECT_TIMEOUT, connected).await {
            Ok(connected) => connected,
            Err(_elapsed) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the connection was not made in time"))
            }
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Unix(path) => write!(f, "{}", path.display()),
            Address::Tcp { host, port, tls } => {
                let scheme = if tls.is_some() { "https" } else { "http" };
                write!(f, "{scheme}://{host}:{port}")
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => f.debug_tuple("Unix").field(path).finish(),
            Self::Tcp { host, port, tls } => {
                f.debug_tuple("Tcp").field(host).field(port).field(&tls.is_some()).finish()
            }
        }
    }
}

async fn converse(io: Stream) -> io::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(RESPONSE_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(io))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(async move {
        // The request on it learns of the failure; an idle connection may end as it likes.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the next hop ended early");
        }
    });
    Ok(sender)
}
