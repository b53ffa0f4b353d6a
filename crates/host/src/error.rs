use std::{fmt::Display, io};

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
    if source.kind() == io::ErrorKind::PermissionDenied {
        " (the host role needs CAP_NET_ADMIN and CAP_SYS_ADMIN: run it as root)"
    } else {
        ""
    }
}
