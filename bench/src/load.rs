//! The load: one thread in the guest, many connections, the next request when the answer is there.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

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

impl Load {
    /// Loads the metadata address of the namespace of the calling thread.
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.run_all()).context("load the metadata address")
    }

    async fn run_all(&self) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let until = started + self.duration;
        let errors = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..self.connections)
            .map(|_| tokio::spawn(client(self.request(), self.keep, until, Arc::clone(&errors))))
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await?);
        }
        let seconds = started.elapsed().as_secs_f64();
        times.sort_unstable();
        #[allow(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
        let per_second = times.len() as f64 / seconds;
        let percentile = |percent: usize| {
            times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied()
        };
        Ok(Outcome {
            per_second,
            p50_us: percentile(50).unwrap_or_default(),
            p99_us: percentile(99).unwrap_or_default(),
            errors: errors.load(Ordering::Relaxed),
        })
    }

    fn request(&self) -> Vec<u8> {
        let connection = match self.keep {
            Connections::Kept => "keep-alive",
            Connections::PerRequest => "close",
        };
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: 169.254.169.254\r\nUser-Agent: bench\r\nAccept: */*\r\n\
             Connection: {connection}\r\n\r\n",
            self.path
        );
        head.into_bytes()
    }
}

/// One client: gives the microseconds of each of its answers.
async fn client(
    request: Vec<u8>,
    keep: Connections,
    until: Instant,
    errors: Arc<AtomicU64>,
) -> Vec<u64> {
    let mut times = Vec::with_capacity(1 << 14);
    let mut kept: Option<TcpStream> = None;
    let mut buffer = vec![0; 16 * 1024];
    while Instant::now() < until {
        let started = Instant::now();
        let exchange = exchange(kept.take(), &request, &mut buffer);
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok(stream)) => {
                times.push(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
                kept = (keep == Connections::Kept).then_some(stream);
            }
            Ok(Err(_)) | Err(_) => {
                errors.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    times
}

async fn exchange(
    kept: Option<TcpStream>,
    request: &[u8],
    buffer: &mut [u8],
) -> io::Result<TcpStream> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => {
            let metadata = SocketAddr::from(([169, 254, 169, 254], 80));
            let stream = TcpStream::connect(metadata).await?;
            stream.set_nodelay(true)?;
            stream
        }
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

/// Whether an answer is there to its last byte; anything but a 200 is an error.
fn is_whole(answer: &[u8]) -> io::Result<bool> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Response::new(&mut headers);
    let status = parsed.parse(answer).map_err(io::Error::other)?;
    let httparse::Status::Complete(head) = status else { return Ok(false) };
    if parsed.code != Some(200) {
        return Err(io::Error::other("not a 200"));
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
