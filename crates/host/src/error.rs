use std::{fmt::Display, io};

use innkeeper_model::NetworkId;
use ipnet::IpNet;
use rustix::io::Errno;

use crate::dhcp::DhcpError;

/// Why something of the host could not be brought up or removed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The kernel refused.
    #[error("cannot {doing}: {source}{}", hint(source))]
    System {
        /// What was being done.
        doing: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// No `nft` program.
    #[error(
        "cannot set the metadata rules: nft is not installed; install the package nftables, or \
         name the program in the configuration"
    )]
    NftMissing,
    /// `nft` answered with an error, or with something else than JSON.
    #[error("nft could not {doing}: {answer}")]
    Nft {
        /// What was being done.
        doing: &'static str,
        /// What nft wrote.
        answer: String,
    },
    /// Something else has the name that is needed.
    #[error("{name} exists already and {reason}; remove it, or let this network use another name")]
    Conflict {
        /// The name.
        name: String,
        /// What is there instead.
        reason: &'static str,
    },
    /// A bridge that somebody else made is down.
    #[error("bridge {name} is down and not ours to bring up: run ip link set {name} up")]
    BridgeDown {
        /// The bridge.
        name: String,
    },
    /// A bridge that an operator named is not there.
    #[error(
        "there is no bridge {name}, which an operator named for this network: make it (ip link \
         add {name} type bridge; ip link set {name} up), or make the network without --bridge"
    )]
    NoBridge {
        /// The bridge.
        name: String,
    },
    /// A network would be plugged into another's bridge.
    #[error(
        "bridge {name} is network {other}'s: two networks never share a bridge that Innkeeper \
         makes; make this network anew, with another id or another --bridge"
    )]
    SharedBridge {
        /// The bridge.
        name: String,
        /// The network that has it.
        other: NetworkId,
    },
    /// A port is on a network that is not brought up.
    #[error("network {network} is not brought up, so that this port of it cannot be")]
    NoNetwork {
        /// The network.
        network: NetworkId,
    },
    /// A namespace of the name that is needed was made by somebody else.
    #[error(
        "a namespace of this name was made by somebody else and is left alone: remove it (ip netns \
         del {name}) and it is made anew, or stop what made it (Neutron's agents?)"
    )]
    ForeignNamespace {
        /// Its name.
        name: String,
    },
    /// Another machine on the network has an address that is ours to hold.
    #[error(
        "another machine on bridge {bridge} has {address} already, so that it is not served here; \
         find it by its answers (ip neigh, tcpdump -ni {bridge} icmp6); tried again all the time"
    )]
    DuplicateAddress {
        /// The address.
        address: IpNet,
        /// The bridge.
        bridge: String,
    },
    /// Another host role keeps the networks of this machine.
    #[error(
        "another Innkeeper{} keeps the networks of this machine: stop it first, or run this one in \
         another network namespace",
        process.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    AlreadyKept {
        /// The process's id, if it can be told.
        process: Option<i32>,
    },
    /// DHCP is not answered.
    #[error(transparent)]
    Dhcp(#[from] DhcpError),
    /// A guard was waited for in vain.
    #[error(
        "the rules that guard {tap} did not come within {seconds} s, so it was not brought up: is \
         `innkeeper serve` or `innkeeper host` running on this machine? see `innkeeper host status`"
    )]
    NoGuard {
        /// The tap.
        tap: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Two ports share the first characters of their ids, and so the names of their links.
    #[error("link {name} is in use for port {other}: delete one of the two ports")]
    SharedName {
        /// The link.
        name: String,
        /// The port that has it.
        other: String,
    },
    /// A thread of ours ended without a result.
    #[error("a thread of the host role panicked; this is a defect, please report it with the log")]
    Panicked,
}

impl HostError {
    pub(crate) fn system(doing: impl Display, source: impl Into<io::Error>) -> Self {
        Self::System { doing: doing.to_string(), source: source.into() }
    }
}

fn hint(source: &io::Error) -> &'static str {
    let is = |errno: Errno| source.raw_os_error() == Some(errno.raw_os_error());
    if is(Errno::MFILE) {
        " (raise the limit of open files: LimitNOFILE= in the unit, ulimit -n in a shell)"
    } else if is(Errno::NFILE) {
        " (raise the machine's limit of open files: sysctl fs.file-max)"
    } else if source.kind() == io::ErrorKind::PermissionDenied {
        " (the host role needs CAP_NET_ADMIN, CAP_NET_BROADCAST and CAP_SYS_ADMIN: run it as root)"
    } else {
        ""
    }
}
