//! Whether networks are served: what the process says of itself, and what one sees inside.

use std::{
    fs::File,
    io::Write,
    net::{SocketAddr, TcpStream},
    os::fd::AsFd,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use innkeeper_lab::{METADATA, Process, read_reply};
use innkeeper_model::NetworkId;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where the process is told to publish its metrics, in the lab.
pub(super) const METRICS: &str = "127.0.0.1:9479";
/// How often is looked: far shorter than what is measured, and far longer than looking takes.
const POLL: Duration = Duration::from_millis(20);
/// For a question to the process about itself.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// UDP port 67 on any address, as `/proc/net/udp` lists it: DHCP is received there.
const DHCP_SOCKET: &str = " 00000000:0043 ";

/// What the process says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gauges {
    /// Namespaces that are as they should be.
    pub(super) namespaces: usize,
    /// Namespaces that are listened in.
    pub(super) listened: usize,
    /// Networks in which DHCP is answered.
    pub(super) dhcp: usize,
    /// What could not be brought about.
    pub(super) failures: usize,
    /// How long the last look at all networks took.
    pub(super) last_pass: Duration,
}

impl Gauges {
    /// Asks for them.
    pub(super) fn ask() -> anyhow::Result<Self> {
        let address: SocketAddr = METRICS.parse()?;
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_PATIENCE)?;
        stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let text = read_reply(&mut stream)?.text();
        let value = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            found.with_context(|| format!("no metric {name}"))
        };
        Ok(Self {
            namespaces: value("innkeeper_host_namespaces")?.parse()?,
            listened: value("innkeeper_proxy_namespaces")?.parse()?,
            dhcp: value("innkeeper_host_dhcp_networks")?.parse()?,
            failures: value("innkeeper_host_failures")?.parse()?,
            last_pass: Duration::try_from_secs_f64(
                value("innkeeper_host_last_pass_seconds")?.parse()?,
            )?,
        })
    }

    fn are_all(self, count: usize) -> bool {
        [self.namespaces, self.listened, self.dhcp] == [count; 3] && self.failures == 0
    }
}

/// Waits until the process says that exactly `count` networks are up, listened in and have DHCP.
pub(super) fn await_all(
    process: &mut Process,
    count: usize,
    limit: Duration,
) -> anyhow::Result<Gauges> {
    let until = Instant::now() + limit;
    loop {
        let asked = Gauges::ask();
        match asked {
            Ok(gauges) if gauges.are_all(count) => return Ok(gauges),
            _ if !process.is_running() => {
                anyhow::bail!("innkeeper serve ended: {}", last_lines(process));
            }
            _ => {}
        }
        ensure!(
            Instant::now() < until,
            "{count} networks were not up and served within {limit:?}: {asked:?}: {}",
            last_lines(process)
        );
        thread::sleep(POLL);
    }
}

fn last_lines(process: &Process) -> String {
    let log = process.log();
    let lines: Vec<&str> = log.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// The name of a network's namespace.
pub(super) fn namespace_of(network: NetworkId) -> String {
    format!("qdhcp-{network}")
}

/// Whether the metadata address takes connections in a namespace, and DHCP is received there.
pub(super) fn is_served(namespace: &str) -> bool {
    let is_there = inside(namespace, || {
        let sockets = std::fs::read_to_string("/proc/thread-self/net/udp")?;
        Ok(sockets.contains(DHCP_SOCKET) && TcpStream::connect_timeout(&METADATA, POLL).is_ok())
    });
    is_there.unwrap_or(false)
}

/// Waits until [`is_served`].
pub(super) fn await_served(namespace: &str, limit: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    while !is_served(namespace) {
        ensure!(started.elapsed() < limit, "{namespace} was not served within {limit:?}");
        thread::sleep(POLL);
    }
    Ok(())
}

/// Runs `work` on a thread in a namespace.
fn inside<T: Send>(
    namespace: &str,
    work: impl FnOnce() -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    let file = File::open(Path::new("/run/netns").join(namespace))?;
    let within = || {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
        work()
    };
    thread::scope(|scope| scope.spawn(within).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
