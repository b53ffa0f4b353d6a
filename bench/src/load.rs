//! The load: one thread in the guest, many connections, the next request when the answer is there.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::samples::Samples;

/// Whether a connection serves one request or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Connections {
    /// Keep-alive.
    Kept,
    /// A new connection for every request, as cloud-init does.
    PerRequest,
}

impl Connections {
    /// As the report calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kept => "keep-alive",
            Self::PerRequest => "connection per request",
        }
    }
}

/// What to ask for, and how hard.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) path: &'static str,
    pub(crate) connections: usize,
    pub(crate) keep: Connections,
    pub(crate) duration: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Answered requests per second.
    pub(crate) per_second: f64,
    /// Microseconds below which 50 and 99 of 100 answers came.
    pub(crate) p50_us: u64,
    /// See `p50_us`.
    pub(crate) p99_us: u64,
    /// Requests that were not answered with 200.
    pub(crate) errors: u64,
}

/// A request that takes longer counts as failed: cloud-init's own limit.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any answer that is measured is long.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

impl Load {
    /// Loads the metadata address of the namespace of the calling thread.
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let samples = self.measure()?;
        Ok(Outcome {
            per_second: samples.per_second(),
            p50_us: samples.percentile(50.0),
            p99_us: samples.percentile(99.0),
            errors: samples.errors(),
        })
    }

    /// The same, with every answer's time.
    pub(crate) fn measure(&self) -> anyhow::Result<Samples> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.run_all()).context("load the metadata address")
    }

    async fn run_all(&self) -> anyhow::Result<Samples> {
        let started = Instant::now();
        let until = started + self.duration;
        let tasks: Vec<_> = (0..self.connections)
            .map(|_| tokio::spawn(client(request(self.path, self.keep), self.keep, until)))
            .collect();
        let mut samples = Samples::default();
        for task in tasks {
            samples.absorb(task.await?);
        }
        samples.finish(started.elapsed());
        Ok(samples)
    }
}

/// The bytes of a request.
pub(crate) fn request(path: &str, keep: Connections) -> Vec<u8> {
    let connection = match keep {
        Connections::Kept => "keep-alive",
        Connections::PerRequest => "close",
    };
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\nUser-Agent: bench\r\nAccept: */*\r\n\
         Connection: {connection}\r\n\r\n",
    );
    head.into_bytes()
}

/// One client, for as long as it may.
async fn client(request: Vec<u8>, keep: Connections, until: Instant) -> Samples {
    let mut samples = Samples::default();
    let mut kept: Option<TcpStream> = None;
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    while Instant::now() < until {
        let stream = ask(kept.take(), None, &request, &mut buffer, &mut samples).await;
        kept = stream.filter(|_| keep == Connections::Kept);
    }
    samples
}

/// Asks once, on a kept connection or on a new one `from` that address, and notes how it went. Gives
/// the connection back, if all is well with it.
pub(crate) async fn ask(
    kept: Option<TcpStream>,
    from: Option<Ipv4Addr>,
    request: &[u8],
    buffer: &mut [u8],
    samples: &mut Samples,
) -> Option<TcpStream> {
    let started = Instant::now();
    match tokio::time::timeout(PATIENCE, exchange(kept, from, request, buffer)).await {
        Ok(Ok(stream)) => {
            samples.add(started.elapsed());
            Some(stream)
        }
        Ok(Err(error)) => {
            samples.failed(&error.to_string());
            None
        }
        Err(_) => {
            samples.failed("no answer in time");
            None
        }
    }
}

async fn exchange(
    kept: Option<TcpStream>,
    from: Option<Ipv4Addr>,
    request: &[u8],
    buffer: &mut [u8],
) -> io::Result<TcpStream> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => connect(from).await?,
    };
    stream.write_all(request).await?;
    let mut filled = 0;
    loop {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if is_whole(buffer.get(..filled).unwrap_or_default())? {
            return Ok(stream);
        }
    }
}

async fn connect(from: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let metadata = SocketAddr::from(([169, 254, 169, 254], 80));
    let socket = TcpSocket::new_v4()?;
    if let Some(address) = from {
        socket.bind(SocketAddr::new(IpAddr::V4(address), 0))?;
    }
    let stream = socket.connect(metadata).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether an answer is there to its last byte; anything but a 200 is an error.
fn is_whole(answer: &[u8]) -> io::Result<bool> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Response::new(&mut headers);
    let status = parsed.parse(answer).map_err(io::Error::other)?;
    let httparse::Status::Complete(head) = status else { return Ok(false) };
    if parsed.code != Some(200) {
        return Err(io::Error::other(format!("{:?}, not a 200", parsed.code)));
    }
    let length = parsed
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok())
        .and_then(|text| text.parse::<usize>().ok())
        .ok_or_else(|| io::Error::other("no Content-Length"))?;
    Ok(answer.len() >= head + length)
}
