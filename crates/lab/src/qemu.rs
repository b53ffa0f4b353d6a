//! Real machines, by emulation: nothing is asked of this machine's processor or kernel.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use crate::{LabError, Program, report::Report, wait_for};

/// How a drive is plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// In the CD drive of an IDE controller.
    Cdrom,
    /// A disk of an IDE controller.
    Ide,
    /// A virtio disk.
    Virtio,
}

/// A machine that is yet to be switched on.
#[derive(Debug, Clone)]
pub struct Qemu {
    directory: PathBuf,
    arguments: Vec<String>,
    append: String,
    drives: usize,
    networks: usize,
}

/// What a machine said until it was off.
#[derive(Debug, Clone)]
pub struct Boot {
    /// What was on its first serial port: the kernel's and the programs' messages.
    pub console: String,
    /// What it was to report.
    pub report: Report,
    /// How long it ran.
    pub took: Duration,
}

impl Qemu {
    /// What every guest's kernel is told. It need not search for hardware it cannot have, guard
    /// against neighbours it has not, or calibrate a clock that is emulated.
    pub const APPEND: &str = "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check \
                              mitigations=off nokaslr audit=0 selinux=0 apparmor=0";

    /// A machine that boots this kernel with this first file system, and has its files in
    /// `directory`, which must be there and be this machine's alone.
    pub fn new(directory: &Path, kernel: &Path, initramfs: &Path) -> Self {
        let arguments = ["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"];
        let machine = ["-M", "pc", "-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max"];
        let mut qemu = Self {
            directory: directory.to_owned(),
            arguments: arguments.iter().chain(&machine).map(|&word| word.to_owned()).collect(),
            append: Self::APPEND.to_owned(),
            drives: 0,
            networks: 0,
        };
        qemu.add("-kernel", &escaped(kernel));
        qemu.add("-initrd", &escaped(initramfs));
        for port in [CONSOLE, REPORT] {
            qemu.add("-serial", &format!("file:{}", escaped(&directory.join(port))));
        }
        qemu
    }

    /// With this much memory, in MiB.
    #[must_use]
    pub fn memory(mut self, mebibytes: u32) -> Self {
        self.add("-m", &mebibytes.to_string());
        self
    }

    /// With further words for the kernel.
    #[must_use]
    pub fn append(mut self, words: &str) -> Self {
        self.append.push(' ');
        self.append.push_str(words);
        self
    }

    /// With a drive, in a format as QEMU names it. The file stays as it is, whatever the machine
    /// writes.
    #[must_use]
    pub fn drive(mut self, file: &Path, format: &str, bus: Bus) -> Self {
        let id = format!("drive{}", self.drives);
        self.drives += 1;
        let (access, device) = match bus {
            Bus::Cdrom => ("media=cdrom,readonly=on", "ide-cd"),
            Bus::Ide => ("snapshot=on", "ide-hd"),
            Bus::Virtio => ("snapshot=on", "virtio-blk-pci"),
        };
        let file = escaped(file);
        self.add("-drive", &format!("if=none,id={id},file={file},format={format},{access}"));
        self.add("-device", &format!("{device},drive={id}"));
        self
    }

    /// With a network card, connected as QEMU's `-netdev` says, such as `hubport,hubid=0` for a
    /// cable that leads nowhere. The id is added to it.
    #[must_use]
    pub fn network(mut self, netdev: &str, mac: &str) -> Self {
        let id = format!("net{}", self.networks);
        self.networks += 1;
        self.add("-netdev", &format!("{netdev},id={id}"));
        self.add("-device", &format!("virtio-net-pci,netdev={id},mac={mac},romfile="));
        self
    }

    /// With a network card on a tap that is there already, in the network namespace of who runs it.
    #[must_use]
    pub fn tap(self, tap: &str, mac: &str) -> Self {
        self.network(&format!("tap,ifname={tap},script=no,downscript=no,vhost=off"), mac)
    }

    /// With the name by which clouds' machines know their platform, and their id.
    #[must_use]
    pub fn product(mut self, name: &str, id: &str) -> Self {
        self.add("-smbios", &format!("type=1,product={name},serial={id},uuid={id}"));
        self
    }

    /// Switches it on and waits until it is off. One that is still on after `limit` is switched
    /// off, and that is an error.
    pub fn run(self, limit: Duration) -> Result<Boot, LabError> {
        let mut arguments = self.arguments;
        arguments.extend(["-append".to_owned(), self.append]);
        let started = Instant::now();
        let log = self.directory.join("qemu.log");
        let mut process = Program::new("qemu-system-x86_64").start(&arguments, &log)?;
        let ended = wait_for("a machine to power off", limit, || process.ended());
        let console = text(&self.directory.join(CONSOLE));
        let status =
            ended.map_err(|error| not_booted(&error.to_string(), &process.log(), &console))?;
        if !status.success() {
            return Err(not_booted(&said(status), &process.log(), &console));
        }
        let report = Report::read(&text(&self.directory.join(REPORT)));
        Ok(Boot { console, report, took: started.elapsed() })
    }

    fn add(&mut self, option: &str, value: &str) {
        self.arguments.extend([option.to_owned(), value.to_owned()]);
    }
}

const CONSOLE: &str = "console.log";
const REPORT: &str = "report.log";

/// QEMU reads a comma in an option as the beginning of the next, unless it is doubled.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn said(status: ExitStatus) -> String {
    format!("QEMU ended with {status}")
}

fn not_booted(why: &str, qemu: &str, console: &str) -> LabError {
    LabError::Failed {
        command: "a machine".to_owned(),
        message: format!("{why}; QEMU: {}; its console ends:\n{}", qemu.trim(), tail(console)),
    }
}

/// The end of what a machine said, where its trouble is.
fn tail(console: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<_> = console.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
