//! What can go wrong between a machine and its config drive.

use std::{io, path::PathBuf};

/// Why a hypervisor, or a program that speaks to it, did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HypervisorError {
    /// A program that is needed is not there.
    #[error("{program} is not installed, and it is needed for {doing}: {advice}")]
    ProgramMissing {
        /// Its name.
        program: &'static str,
        /// What for.
        doing: String,
        /// What to do.
        advice: &'static str,
    },
    /// A program cannot be started, or be spoken to.
    #[error("cannot run {program} for {doing}: {source}")]
    ProgramNotRun {
        /// Its name.
        program: &'static str,
        /// What for.
        doing: String,
        /// What the system says.
        source: io::Error,
    },
    /// A program says that it failed.
    #[error("{doing} failed: {said}{advice}")]
    Failed {
        /// What was being done.
        doing: String,
        /// What the program says, in one line.
        said: String,
        /// What to do, with what separates it; empty if nothing is known.
        advice: &'static str,
    },
    /// A program was ended because it took too long.
    #[error(
        "{doing} took longer than {seconds} s, and {program} was ended; whether it was done is not \
         known: look at `virsh list --all`, then run the same command again"
    )]
    TooSlow {
        /// Its name.
        program: &'static str,
        /// What was being done.
        doing: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A program's output is not what its documentation promises.
    #[error("cannot read what {program} printed for {doing}: {cause}")]
    NotUnderstood {
        /// Its name.
        program: &'static str,
        /// What was being done.
        doing: String,
        /// What is odd.
        cause: String,
    },
    /// libvirt does not answer.
    #[error("libvirt at {uri} is not answering: {advice} ({said})")]
    Unreachable {
        /// Where it should be.
        uri: String,
        /// What to do.
        advice: &'static str,
        /// What `virsh` says.
        said: String,
    },
    /// libvirt is on another machine, or is another hypervisor's.
    #[error(
        "\"{uri}\" is not a QEMU of this machine: disks are made here, so run the command on the \
         machine that is to run the guest, with a URI such as qemu:///system"
    )]
    NotOfThisMachine {
        /// The URI, escaped.
        uri: String,
    },
    /// There is no such domain.
    #[error("there is no domain \"{name}\" at {uri}: see `virsh -c {uri} list --all`")]
    NoDomain {
        /// As it was given, escaped.
        name: String,
        /// Where it was looked for.
        uri: String,
    },
    /// A file or directory is not as it must be.
    #[error("cannot {doing} {path}: {source}{advice}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
        /// What to do, with what separates it; empty if nothing is known.
        advice: &'static str,
    },
    /// A path cannot be said in a domain's description.
    #[error(
        "{path:?} has characters that a domain's description cannot hold: choose another place"
    )]
    PathText {
        /// Which.
        path: PathBuf,
    },
    /// An image that is refused.
    #[error("image {path} cannot be used: {reason}")]
    Image {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Every place on a bus is taken.
    #[error(
        "every place on the domain's {bus} bus is taken: remove a device, or keep config drives as \
         vfat disks (config_drive.format)"
    )]
    BusFull {
        /// Which.
        bus: &'static str,
    },
    /// A bridge that interfaces are to be plugged into is not there.
    #[error(
        "there is no bridge {bridge} on this machine: `innkeeper serve` or `innkeeper host` makes \
         it; is it running here, and as root? A bridge of your own is made with `ip link add \
         {bridge} type bridge` and `ip link set {bridge} up`"
    )]
    NoBridge {
        /// Its name.
        bridge: String,
    },
}

/// What to do about an error of a file, with what separates it; empty if nothing is known.
pub(crate) fn advice_on(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run the command as root, or as somebody who may write there"
        }
        io::ErrorKind::StorageFull => "; make room, then run the same command again",
        _ => "",
    }
}
