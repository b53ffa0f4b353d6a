//! haproxy as the peer: one process in each namespace, configured as Neutron configures it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use innkeeper_model::NetworkId;
use serde::Serialize;

use super::{served::namespace_of, usage::Usage};

/// For a process to write down its id, and to end.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);
/// For processes to have done what they do after they have said that they run.
const SETTLE: Duration = Duration::from_secs(2);

/// What is measured with one number of processes; times in seconds, memory in KiB.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Figures {
    pub(super) processes: usize,
    /// From the first start until the last process listens: one after the other, as an agent does.
    pub(super) started: f64,
    /// All processes together.
    pub(super) usage: Usage,
}

/// Starts one in each namespace, measures and ends them.
pub(super) fn measure(networks: &[NetworkId]) -> anyhow::Result<Figures> {
    let directory = Path::new("/run/haproxy");
    fs::create_dir_all(directory)?;
    for network in networks {
        fs::write(configuration(directory, *network), text(directory, *network))?;
    }
    let started = Instant::now();
    for network in networks {
        start(directory, *network)?;
    }
    let took = started.elapsed().as_secs_f64();
    thread::sleep(SETTLE);
    let mut figures = Figures { processes: networks.len(), started: took, usage: Usage::default() };
    let mut processes = Vec::with_capacity(networks.len());
    for network in networks {
        let process = process_of(directory, *network)?;
        let usage = Usage::of(process)?;
        figures.usage.private_dirty_kib += usage.private_dirty_kib;
        figures.usage.pss_kib += usage.pss_kib;
        figures.usage.rss_kib += usage.rss_kib;
        figures.usage.descriptors += usage.descriptors;
        processes.push(process);
    }
    end(&processes)?;
    fs::remove_dir_all(directory)?;
    Ok(figures)
}

/// Its version, for the report.
pub(super) fn version() -> anyhow::Result<String> {
    let output = Command::new("haproxy").arg("-v").output();
    let output = output.context("run haproxy -v; apt-get install haproxy")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(2).context("haproxy -v says no version")?;
    Ok(format!("haproxy {version}"))
}

/// Returns when it listens: haproxy goes into the background then.
fn start(directory: &Path, network: NetworkId) -> anyhow::Result<()> {
    let status = Command::new("ip")
        .args(["netns", "exec", &namespace_of(network), "haproxy", "-f"])
        .arg(configuration(directory, network))
        // There is no /dev/log in a lab, of which each complains.
        .stderr(Stdio::null())
        .status()
        .context("start haproxy")?;
    ensure!(status.success(), "haproxy in {} failed: {status}", namespace_of(network));
    Ok(())
}

fn process_of(directory: &Path, network: NetworkId) -> anyhow::Result<u32> {
    let path = directory.join(format!("{network}.pid"));
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    text.trim().parse().with_context(|| format!("{} is not a process id", text.trim()))
}

fn end(processes: &[u32]) -> anyhow::Result<()> {
    for some in processes.chunks(500) {
        let status = Command::new("kill").args(some.iter().map(u32::to_string)).status()?;
        ensure!(status.success(), "kill failed: {status}");
    }
    let until = Instant::now() + PATIENCE;
    for process in processes {
        // One that nobody waited for is there as a name only, without memory.
        while fs::read_to_string(format!("/proc/{process}/statm"))
            .is_ok_and(|statm| !statm.starts_with("0 "))
        {
            ensure!(Instant::now() < until, "haproxy {process} goes on after SIGTERM");
            thread::sleep(POLL);
        }
    }
    Ok(())
}

fn configuration(directory: &Path, network: NetworkId) -> PathBuf {
    directory.join(format!("{network}.conf"))
}

/// What Neutron's DHCP agent writes for an isolated network.
fn text(directory: &Path, network: NetworkId) -> String {
    let pid = directory.join(format!("{network}.pid"));
    format!(
        "global\n    log         /dev/log local0 info\n    \
         log-tag     haproxy-metadata-proxy-{network}\n    user        root\n    \
         group       root\n    maxconn     1024\n    nbthread    2\n    pidfile     {}\n    daemon\n\n\
         defaults\n    log global\n    mode http\n    option httplog\n    option dontlognull\n    \
         option http-server-close\n    option forwardfor\n    retries                 3\n    \
         timeout http-request    30s\n    timeout connect         30s\n    \
         timeout client          32s\n    timeout server          32s\n    \
         timeout http-keep-alive 30s\n\n\
         listen listener\n    bind 169.254.169.254:80\n    \
         server metadata /run/innkeeper/metadata_proxy\n    \
         http-request del-header X-Neutron-Router-ID\n    \
         http-request set-header X-Neutron-Network-ID {network}\n",
        pid.display()
    )
}
