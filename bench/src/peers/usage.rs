//! What a contender costs: the time on processors and the memory of its processes and of all that
//! those started, as `/proc` says.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::Context;

/// A process and its descendants that live now.
#[derive(Debug)]
struct Family(Vec<u32>);

/// The processor time that `root`, its descendants and those of them that have ended have had. The
/// kernel counts it in hundredths of a second.
pub(super) fn cpu_time(root: u32) -> anyhow::Result<Duration> {
    let mut ticks = 0;
    for process in Family::of(root)?.0 {
        // One that has ended meanwhile is counted with its parent from now on.
        ticks += stat(process).map(|stat| stat.ticks).unwrap_or_default();
    }
    of_ticks(ticks)
}

/// The processor time that this process has had.
pub(super) fn own_time() -> anyhow::Result<Duration> {
    of_ticks(stat(std::process::id()).context("read what this process has taken")?.ticks)
}

fn of_ticks(ticks: u64) -> anyhow::Result<Duration> {
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second())?;
    Ok(Duration::from_secs(ticks) / per_second)
}

/// The memory of `root` and its descendants, what is shared divided among those who share it (PSS),
/// in KiB.
pub(super) fn memory_kib(root: u32) -> anyhow::Result<u64> {
    let of_one = |process: &u32| {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        kib(&text, "Pss:")
    };
    Ok(Family::of(root)?.0.iter().map(of_one).sum())
}

/// What a process has in memory, in KiB: its RSS.
pub(super) fn resident_kib(process: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    Ok(kib(&text, "VmRSS:"))
}

/// The machine's load average over the last minute: how noisy what was measured is.
pub(super) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

impl Family {
    fn of(root: u32) -> anyhow::Result<Self> {
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(stat) = stat(process) {
                children.entry(stat.parent).or_default().push(process);
            }
        }
        let mut found = vec![root];
        let mut next = 0;
        while let Some(process) = found.get(next).copied() {
            found.extend(children.remove(&process).unwrap_or_default());
            next += 1;
        }
        Ok(Self(found))
    }
}

struct Stat {
    parent: u32,
    ticks: u64,
}

/// `None` if the process has ended.
fn stat(process: u32) -> Option<Stat> {
    /// In `/proc/<pid>/stat`, counted after the name.
    const PARENT: usize = 1;
    /// The same: utime, stime, cutime and cstime.
    const TIMES: std::ops::Range<usize> = 11..15;
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let times = fields.get(TIMES)?.iter().map(|field| field.parse::<u64>());
    Some(Stat {
        parent: fields.get(PARENT)?.parse().ok()?,
        ticks: times.sum::<Result<_, _>>().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_family_is_a_process_and_what_it_started() {
        let mut child = Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        let mut family = Vec::new();
        for _ in 0..200 {
            family = Family::of(child.id()).unwrap().0;
            if family.len() > 1 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let grandchild = family.get(1).copied();
        let memory = memory_kib(child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let grandchild = grandchild.expect("sh has started sleep");
        let kill = format!("kill {grandchild}");
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(memory > 0);
    }

    #[test]
    fn this_process_has_had_some_time() {
        let time = cpu_time(std::process::id()).unwrap();
        assert!(time < Duration::from_secs(3600));
        assert!(resident_kib(std::process::id()).unwrap() > 0);
    }
}
