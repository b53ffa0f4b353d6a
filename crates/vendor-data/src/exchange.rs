//! One question to one service, on a connection of its own, and the whole answer.
//!
//! A connection is not kept: a question that was sent is never sent again, and a kept connection
//! may have died unnoticed.

use std::{error::Error, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{VendorDataConfig, url::ServiceUrl};

/// Bytes of an answer's body. It becomes part of a document that a machine reads at boot.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an answer's status line and headers.
const HEAD_BYTES_MAX: usize = 64 * 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What services know Nova by; some let only it in.
const USER_AGENT: HeaderValue = HeaderValue::from_static("openstack-nova-vendordata");

/// Asks one service.
pub(crate) struct Exchange {
    url: ServiceUrl,
    tls: Option<TlsConnector>,
    connect_timeout: Duration,
    read_timeout: Duration,
}

/// A connection that is ready for a question, and the task that drives it: dropped together.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

/// What a service said, and how long it was.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) value: Value,
    pub(crate) bytes: usize,
}

/// Why a question brought no answer. No message shows any of the answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("could not connect: {0}")]
    Connect(String),
    #[error("could not connect within {0:?}")]
    ConnectTimeout(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("no complete answer within {0:?}")]
    ReadTimeout(Duration),
    #[error(
        "the answer has status {0}; only 200 to 299 are of use, and redirects are not followed"
    )]
    Status(StatusCode),
    #[error("the answer has more than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the answer is not JSON (line {0}, column {1})")]
    NotJson(usize, usize),
}

impl ExchangeError {
    /// Whether the service is away. One that answers anything else is not: a question about one
    /// machine that it cannot answer must not keep others from asking.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Connect(..)
            | Self::ConnectTimeout(..)
            | Self::Broken(..)
            | Self::ReadTimeout(..) => true,
            Self::Status(status) => matches!(
                *status,
                StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            Self::TooLarge | Self::NotJson(..) => false,
        }
    }
}

impl Exchange {
    /// With the service at `url`; `tls` is needed if the URL is https.
    pub(crate) fn new(
        url: &ServiceUrl,
        config: &VendorDataConfig,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Self {
        let tls = tls.filter(|_| url.is_tls).map(|config| TlsConnector::from(Arc::clone(config)));
        Self {
            url: url.clone(),
            tls,
            connect_timeout: config.connect_timeout,
            read_timeout: config.read_timeout,
        }
    }

    /// The service's address, for messages.
    pub(crate) fn url(&self) -> &ServiceUrl {
        &self.url
    }

    /// Posts `question` and reads the answer, within the two time limits.
    pub(crate) async fn ask(&self, question: Bytes) -> Result<Answer, ExchangeError> {
        let connection = match timeout(self.connect_timeout, self.connect()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(ExchangeError::Connect(chain(&error))),
            Err(_elapsed) => {
                return Err(ExchangeError::ConnectTimeout(self.connect_timeout));
            }
        };
        match timeout(self.read_timeout, self.converse(connection, question)).await {
            Ok(answered) => answered.and_then(|body| read(&body)),
            Err(_elapsed) => Err(ExchangeError::ReadTimeout(self.read_timeout)),
        }
    }

    async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((self.url.host.as_str(), self.url.port)).await?;
        // Only speed depends on it.
        let _ = stream.set_nodelay(true);
        if !self.url.is_tls {
            return Connection::over(stream).await;
        }
        let (Some(tls), Ok(name)) = (&self.tls, ServerName::try_from(self.url.host.clone())) else {
            return Err(io::Error::other("TLS is not set up"));
        };
        Connection::over(tls.connect(name, stream).await?).await
    }

    async fn converse(
        &self,
        mut connection: Connection,
        question: Bytes,
    ) -> Result<Bytes, ExchangeError> {
        let broken = |error: &dyn Error| ExchangeError::Broken(chain(error));
        let sent = connection.sender.send_request(self.request(question));
        let answer = sent.await.map_err(|error| broken(&error))?;
        if !answer.status().is_success() {
            return Err(ExchangeError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() { ExchangeError::TooLarge } else { broken(&*error) }
        })?;
        Ok(body.to_bytes())
    }

    fn request(&self, question: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(question));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.path.clone();
        let fields = request.headers_mut();
        fields.insert(header::HOST, self.url.authority.clone());
        fields.insert(header::CONTENT_TYPE, JSON);
        fields.insert(header::ACCEPT, JSON);
        fields.insert(header::USER_AGENT, USER_AGENT);
        if let Some(authorization) = &self.url.authorization {
            fields.insert(header::AUTHORIZATION, authorization.clone());
        }
        request
    }
}

impl Connection {
    async fn over<Io>(io: Io) -> io::Result<Self>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(io))
            .await
            .map_err(io::Error::other)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for the answer learns of it.
            let _ = connection.await;
        });
        Ok(Self { sender, _driver: driver })
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("url", &self.url).finish_non_exhaustive()
    }
}

fn read(body: &[u8]) -> Result<Answer, ExchangeError> {
    if body.is_empty() {
        return Ok(Answer { value: Value::Object(Map::new()), bytes: 0 });
    }
    let value = serde_json::from_slice(body)
        .map_err(|error| ExchangeError::NotJson(error.line(), error.column()))?;
    Ok(Answer { value, bytes: body.len() })
}

/// An error with all its causes: hyper's own messages leave them out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
