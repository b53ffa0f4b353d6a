//! Runs other people's programs inside a guest, unmodified and without a trace on this machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use innkeeper_lab::{Guest, LabError, World};

/// How long a client may take, in seconds.
const PATIENCE: &str = "60";

/// The guest's first process. The machine's file system cannot be written to; what a client writes
/// goes to directories of the lab, put in the place of the real ones.
const FIRST_PROCESS: &str = r#"
set -eu
disk=$1; shift
mount -o remount,bind,ro /
mount --bind "$disk/var-lib" /var/lib
mount --bind "$disk/var-log" /var/log
mount --bind "$disk/tmp" /tmp
if [ -d /etc/cloud ]; then mount --bind "$disk/etc-cloud" /etc/cloud; fi
if [ -e "$disk/hypervisor-uuid" ]; then
    mkdir -p "$disk/sys/class" "$disk/sys/devices" "$disk/sys/hypervisor"
    cp "$disk/hypervisor-uuid" "$disk/sys/hypervisor/uuid"
    mount --bind /sys/class "$disk/sys/class"
    mount --bind /sys/devices "$disk/sys/devices"
    mount --rbind "$disk/sys" /sys
fi
"$@"
"#;

/// A guest with a disk, on which programs can run.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    guest: &'a Guest,
    disk: PathBuf,
    environment: Vec<(&'static str, &'static str)>,
}

impl<'a> Inside<'a> {
    /// A guest with an empty disk.
    pub(crate) fn new(world: &World, guest: &'a Guest) -> Result<Self, LabError> {
        let disk = world.directory().join(format!("disk-{}", guest.name()));
        for directory in ["var-lib", "var-log", "tmp", "etc-cloud"] {
            fs::create_dir_all(disk.join(directory))?;
        }
        Ok(Self { guest, disk, environment: Vec::new() })
    }

    /// The first process of the guest has this in its environment.
    #[must_use]
    pub(crate) fn first_process_has(mut self, variable: (&'static str, &'static str)) -> Self {
        self.environment.push(variable);
        self
    }

    /// The guest finds this in `/sys/hypervisor/uuid`.
    pub(crate) fn with_hypervisor_uuid(self, uuid: &str) -> Result<Self, LabError> {
        self.write("hypervisor-uuid", uuid)?;
        Ok(self)
    }

    /// Writes a file of the disk, such as `etc-cloud/cloud.cfg`.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.disk.join(name), text)
    }

    /// Where a file of the disk is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.disk.join(name)
    }

    /// Reads a file of the disk.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let path = self.disk.join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs an installed program to its end.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Result<Output, LabError> {
        let path = installed(program);
        let mut command = Command::new("timeout");
        command.args([PATIENCE, "ip", "netns", "exec", &format!("guest-{}", self.guest.name())]);
        command.args(["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"]);
        command.args(["--mount-proc", "sh", "-c", FIRST_PROCESS, "sh"]);
        command.arg(&self.disk).arg(path).args(args);
        command.env_clear().env("PATH", SEARCHED).env("LC_ALL", "C.UTF-8");
        command.envs(self.environment.iter().copied());
        command.output().map_err(|source| LabError::Spawn { program: program.to_owned(), source })
    }

    /// The same, for a program that must succeed: its standard output.
    pub(crate) fn output_of(&self, program: &str, args: &[&str]) -> Result<Vec<u8>, LabError> {
        let output = self.run(program, args)?;
        assert!(
            output.status.success(),
            "{program} {args:?} ended with {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }
}

/// Where the distribution's own programs are: another Python knows no cloud-init.
const SEARCHED: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The path of a program that must be there.
fn installed(program: &str) -> PathBuf {
    let mut candidates = SEARCHED.split(':').map(|directory| Path::new(directory).join(program));
    let found = candidates.find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{program} is not installed: run `./x setup`"))
}
