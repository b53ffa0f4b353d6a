//! Kept-alive HTTP/1.1 connections to one control API.

use std::{
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use innkeeper_model::Secret;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// How long a connection may take to be made. A socket on this machine answers in microseconds,
/// one across a data centre within one retransmission of a lost SYN (1 s, then 2 s).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer. Lists are whole, and an instance may carry 64 KiB of user data: this is room
/// for a thousand such, or for many more common ones, and a bound for who is no control API.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Idle connections kept: as many as a busy agent has lookups in flight at once.
const IDLE_MAX: usize = 32;

/// Where the control API is, and how to be let in.
#[derive(Debug, Clone)]
pub enum ControlAddress {
    /// A Unix socket; its file permission decides.
    Unix(PathBuf),
    /// A TCP address.
    Tcp {
        /// Host and port, for example `controller:9474`.
        authority: String,
        /// A token that `innkeeper init` made.
        token: Secret,
    },
}

impl ControlAddress {
    /// The address as people know it.
    pub fn display(&self) -> String {
        match self {
            Self::Unix(path) => path.display().to_string(),
            Self::Tcp { authority, .. } => format!("http://{authority}"),
        }
    }

    /// What the Host header says.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Tcp { authority, .. } => authority,
        }
    }
}

type Sender = SendRequest<Full<Bytes>>;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ExchangeError {
    Connect(io::Error),
    Lost(String),
    Slow(Duration),
    TooLarge,
}

/// The connections of one client.
#[derive(Debug)]
pub(crate) struct Connections {
    address: ControlAddress,
    idle: Mutex<Vec<Sender>>,
}

impl Connections {
    pub(crate) fn new(address: ControlAddress) -> Self {
        Self { address, idle: Mutex::new(Vec::new()) }
    }

    pub(crate) fn address(&self) -> &ControlAddress {
        &self.address
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// A kept connection that turns out dead costs a second try on a new one: always if nothing
    /// was sent, and else only for what may be done twice.
    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        may_repeat: bool,
        within: Duration,
    ) -> Result<RawAnswer, ExchangeError> {
        let exchange = async {
            let mut pending = request.clone();
            while let Some(mut sender) = self.take_idle() {
                if sender.ready().await.is_err() {
                    continue;
                }
                match sender.try_send_request(pending).await {
                    Ok(response) => return self.finish(sender, response).await,
                    Err(mut error) => match error.take_message() {
                        Some(unsent) => pending = unsent,
                        None if may_repeat => pending = request.clone(),
                        None => return Err(ExchangeError::Lost(error.into_error().to_string())),
                    },
                }
            }
            let mut sender = self.connect().await?;
            let response = sender
                .send_request(pending)
                .await
                .map_err(|error| ExchangeError::Lost(error.to_string()))?;
            self.finish(sender, response).await
        };
        timeout(within, exchange).await.unwrap_or(Err(ExchangeError::Slow(within)))
    }

    async fn finish(
        &self,
        sender: Sender,
        response: http::Response<hyper::body::Incoming>,
    ) -> Result<RawAnswer, ExchangeError> {
        let (parts, body) = response.into_parts();
        let collected = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                ExchangeError::TooLarge
            } else {
                ExchangeError::Lost(error.to_string())
            }
        })?;
        self.keep(sender);
        Ok(RawAnswer { status: parts.status, headers: parts.headers, body: collected.to_bytes() })
    }

    async fn connect(&self) -> Result<Sender, ExchangeError> {
        let connect = async {
            match &self.address {
                ControlAddress::Unix(path) => start(UnixStream::connect(path).await?).await,
                ControlAddress::Tcp { authority, .. } => {
                    let stream = TcpStream::connect(authority.as_str()).await?;
                    stream.set_nodelay(true)?;
                    start(stream).await
                }
            }
        };
        match timeout(CONNECT_TIMEOUT, connect).await {
            Ok(connected) => connected.map_err(ExchangeError::Connect),
            Err(_elapsed) => Err(ExchangeError::Connect(io::ErrorKind::TimedOut.into())),
        }
    }

    fn take_idle(&self) -> Option<Sender> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
    }
}

async fn start<S>(stream: S) -> io::Result<Sender>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends when the sender is dropped; what goes wrong on it is told to the sender.
    tokio::spawn(connection);
    Ok(sender)
}
