//! Why a network cannot be served, and which limit or program stands in the way.

use std::{fmt::Display, io};

use rustix::{io::Errno, process::Resource};

/// Why a network cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DhcpError {
    /// The kernel refused.
    #[error("cannot {doing}: {source}{}", hint(source))]
    System {
        /// What was being done.
        doing: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// No descriptor is left.
    #[error(
        "cannot {doing}: {limit} file descriptors are open, as many as this process may have; \
         raise LimitNOFILE= of its service (ulimit -n): each network with DHCP takes one"
    )]
    Descriptors {
        /// What was being done.
        doing: String,
        /// How many there may be.
        limit: u64,
    },
    /// No descriptor is left on the whole machine.
    #[error("cannot {0}: the machine has no file descriptor left; raise sysctl fs.file-max")]
    MachineDescriptors(String),
    /// Another program serves DHCP there.
    #[error(
        "another program has UDP port 67 in namespace {0}; stop it (`ip netns exec {0} ss -ulpn` \
         shows which, dnsmasq perhaps), or DHCP of this network stays its own"
    )]
    PortInUse(String),
    /// The topology is at odds with the target.
    #[error("network {0} has no DHCP port, so there is no address to serve it from")]
    NoPort(String),
    /// A thread of ours ended without a result.
    #[error(
        "a thread of the DHCP server panicked; this is a defect, please report it with the log"
    )]
    Panicked,
}

impl DhcpError {
    pub(super) fn system(doing: impl Display, source: impl Into<io::Error>) -> Self {
        let (doing, source) = (doing.to_string(), source.into());
        match Errno::from_io_error(&source) {
            Some(Errno::MFILE) => {
                let limit = rustix::process::getrlimit(Resource::Nofile).current;
                Self::Descriptors { doing, limit: limit.unwrap_or(u64::MAX) }
            }
            Some(Errno::NFILE) => Self::MachineDescriptors(doing),
            _ => Self::System { doing, source },
        }
    }
}

fn hint(source: &io::Error) -> &'static str {
    if source.kind() == io::ErrorKind::PermissionDenied {
        " (DHCP needs CAP_NET_RAW, CAP_NET_BIND_SERVICE and CAP_SYS_ADMIN: run it as root)"
    } else {
        ""
    }
}
