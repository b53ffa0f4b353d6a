//! One request, one connection.

use std::{
    io::{self, Read, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{
    Endpoint,
    response::{Response, ResponseError, read_response},
};

/// How long a connection may take to be made: one lost SYN is sent again after a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long an answer may take: a service may look for the machine for eight seconds and more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// Nobody is there.
    #[error("could not connect: {0}")]
    Connect(io::Error),
    /// The request could not be sent.
    #[error("could not send the request: {0}")]
    Send(io::Error),
    /// The answer is none.
    #[error(transparent)]
    Response(#[from] ResponseError),
}

/// Asks for `path`, which has no characters that must be escaped. Redirects are not followed: the
/// caller sees their status.
pub(crate) fn get(
    endpoint: &Endpoint,
    path: &str,
    deadline: Instant,
) -> Result<Response, RequestError> {
    let connecting = CONNECT_TIMEOUT.min(left(deadline).map_err(RequestError::Connect)?);
    let mut stream = TcpStream::connect_timeout(&endpoint.address(), connecting)
        .map_err(RequestError::Connect)?;
    let deadline = deadline.min(Instant::now() + ANSWER_TIMEOUT);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: innkeeper-guest/{}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        endpoint.host(),
        env!("CARGO_PKG_VERSION")
    );
    left(deadline)
        .and_then(|left| stream.set_write_timeout(Some(left)))
        .and_then(|()| stream.write_all(request.as_bytes()))
        .map_err(RequestError::Send)?;
    Ok(read_response(&mut Until { stream, deadline })?)
}

/// A connection that is read until a moment: each read alone could go on for ever.
struct Until {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

/// The time until `deadline`, never zero, which would mean for ever.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
