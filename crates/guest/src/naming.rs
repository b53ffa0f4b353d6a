//! Waiting until network interfaces have the names that they keep.
//!
//! Where udev names interfaces, one that is used earlier has another name then than at the next
//! boot, or keeps udev from renaming it because it is up: what is written for its name would be
//! written for nobody.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{log::Log, network::interfaces};

/// Where udev keeps what it knows.
const UDEV: &str = "/run/udev";

/// How long udev may take: it comes to interfaces within a second or two of its start.
const WAIT: Duration = Duration::from_secs(15);

/// How often is looked: a few files' being there.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until udev, if there is one, is done with every interface.
pub(crate) fn await_names(log: &Log) {
    let indexes = || {
        let interfaces = interfaces().unwrap_or_default();
        interfaces.iter().map(|interface| interface.index).collect()
    };
    if !is_done(Path::new(UDEV), &indexes, WAIT) {
        log.note("udev is not done with every network interface: a name may change after this");
    }
}

/// Whether udev is done with all of `indexes`, the interfaces' numbers, before `wait` is over.
fn is_done(udev: &Path, indexes: &dyn Fn() -> Vec<u32>, wait: Duration) -> bool {
    let deadline = Instant::now() + wait;
    while udev.join("control").exists() {
        // udev writes this file after it has given the interface its name.
        let is_known = |index: &u32| udev.join(format!("data/n{index}")).exists();
        if indexes().iter().all(is_known) {
            break;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_interface_is_waited_for() {
        let udev = tempfile::tempdir().unwrap();
        let soon = Duration::from_millis(1);
        assert!(is_done(udev.path(), &|| vec![2, 3], soon), "there is no udev");
        fs::write(udev.path().join("control"), "").unwrap();
        assert!(is_done(udev.path(), &Vec::new, soon), "there is no interface");
        assert!(!is_done(udev.path(), &|| vec![2, 3], soon));
        fs::create_dir(udev.path().join("data")).unwrap();
        fs::write(udev.path().join("data/n2"), "").unwrap();
        assert!(!is_done(udev.path(), &|| vec![2, 3], soon));
        let late = udev.path().join("data/n3");
        let writer = thread::spawn(move || fs::write(late, "").unwrap());
        assert!(is_done(udev.path(), &|| vec![2, 3], Duration::from_secs(60)));
        writer.join().unwrap();
    }
}
