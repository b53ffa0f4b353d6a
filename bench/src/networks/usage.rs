//! What processes and the kernel use, as `/proc` says.

use std::{fs, time::Duration};

use anyhow::Context;
use serde::Serialize;

/// What one process uses.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Usage {
    /// Pages of its own that it has written, in KiB.
    pub(super) private_dirty_kib: u64,
    /// Its proportional share, in KiB.
    pub(super) pss_kib: u64,
    /// Everything that is in memory, in KiB.
    pub(super) rss_kib: u64,
    /// Open file descriptors.
    pub(super) descriptors: usize,
}

impl Usage {
    /// What a process uses now.
    pub(super) fn of(process: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{process}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count();
        Ok(Self {
            private_dirty_kib: kib(&text, "Private_Dirty:"),
            pss_kib: kib(&text, "Pss:"),
            rss_kib: kib(&text, "Rss:"),
            descriptors,
        })
    }
}

/// The time that a process and those that it started have had on processors; what is asked for is
/// counted in hundredths of a second.
pub(super) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    /// In `/proc/<pid>/stat`, counted after the name: utime, stime, cutime and cstime.
    const TIMES: std::ops::Range<usize> = 11..15;
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let (_, after_name) = text.rsplit_once(") ").with_context(|| format!("{path}: no name"))?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = fields.get(TIMES).unwrap_or_default().iter().map(|field| field.parse::<u32>());
    let ticks: u32 = ticks.sum::<Result<u32, _>>().with_context(|| format!("read {path}"))?;
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second())?;
    Ok(Duration::from_secs(ticks.into()) / per_second)
}

/// The kernel's own memory (slab), in KiB: of the whole machine, whoever uses it.
pub(super) fn slab_kib() -> anyhow::Result<u64> {
    Ok(kib(&fs::read_to_string("/proc/meminfo")?, "Slab:"))
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.private_dirty_kib > 0 && usage.pss_kib > 0 && usage.descriptors > 2);
        assert!(usage.rss_kib >= usage.pss_kib);
        assert!(slab_kib().unwrap() > 0);
        assert!(cpu_time(std::process::id()).unwrap() < Duration::from_secs(3600));
    }
}
