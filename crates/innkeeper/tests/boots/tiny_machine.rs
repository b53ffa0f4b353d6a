//! The tiny guest with a drive, and what it reports.

use std::{path::Path, time::Duration};

use innkeeper_lab::{Boot, Brought, GuestImages, Qemu};
use tempfile::TempDir;

use crate::drives::Kind;

/// Three seconds on a machine with nothing else to do; many times that in a build with tests on
/// all processors.
const PATIENCE: Duration = Duration::from_secs(240);

/// What the tiny guest can run that waits for the drive: `drive` is its device then.
const FIND_DRIVE: &str = "
tries=0
until drive=$(findfs LABEL=config-2 2>/dev/null); do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then
        echo 'missing: no device has the label config-2'
        cat /proc/partitions
        exit 1
    fi
    usleep 100000
done
";

/// A machine that is yet to be switched on.
pub(crate) struct TinyMachine {
    directory: TempDir,
    qemu: Qemu,
}

impl TinyMachine {
    /// One that runs `script`, with more files in it.
    pub(crate) fn running(script: &str, brought: Vec<Brought>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let guest = GuestImages::kept().tiny().unwrap_or_else(|error| panic!("{error}"));
        let initramfs = directory.path().join("initramfs");
        let mut all = vec![Brought::program("guest/run", script)];
        all.extend(brought);
        guest.bring(&all, &initramfs).unwrap_or_else(|error| panic!("{error}"));
        let qemu = Qemu::new(directory.path(), &guest.kernel, &initramfs).memory(256);
        Self { directory, qemu }
    }

    /// One that first waits for the drive; `$drive` is its device in the script.
    pub(crate) fn with_drive_running(script: &str, brought: Vec<Brought>) -> Self {
        Self::running(&format!("{FIND_DRIVE}{script}"), brought)
    }

    /// With a drive.
    pub(crate) fn drive(mut self, file: &Path, kind: Kind) -> Self {
        let (format, bus) = kind.plug();
        self.qemu = self.qemu.drive(file, format, bus);
        self
    }

    /// With a network card whose cable leads nowhere.
    pub(crate) fn card(mut self, mac: &str) -> Self {
        self.qemu = self.qemu.network("hubport,hubid=0", mac);
        self
    }

    /// With a network card on the tap of its port.
    pub(crate) fn tap(mut self, tap: &str, mac: &str) -> Self {
        self.qemu = self.qemu.tap(tap, mac);
        self
    }

    /// Switches it on; it must report to the end, and end well.
    pub(crate) fn boot(self) -> Boot {
        let boot = self.qemu.run(PATIENCE).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            boot.report.exit_code(),
            Some(0),
            "what the guest ran failed; it reported:\n{}\nits console says:\n{}",
            boot.report.lines().join("\n"),
            boot.console
        );
        drop(self.directory);
        boot
    }
}
