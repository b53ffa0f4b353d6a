use std::{io, path::PathBuf};

use super::Mac;

/// The network cannot be configured, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The document is not what `network_data.json` can be.
    #[error("network_data.json: {path}: {problem}")]
    Document {
        /// Where, like `networks[0].netmask`.
        path: String,
        /// What is wrong there and what belongs there.
        problem: String,
    },
    /// The kernel refused something about the network.
    #[error("cannot {doing}: {source}")]
    Kernel {
        /// What was being done, like `add 10.0.0.5/24 to eth0`.
        doing: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    File {
        /// What was being done, like `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Some of the plan was applied and some was not; nothing that worked was undone.
    #[error("{}", failed.join("; "))]
    PartlyApplied {
        /// What is in force, as `Plan::apply` tells it.
        done: Vec<String>,
        /// What is not, and why.
        failed: Vec<String>,
    },
    /// Some of the plan was written and some was not.
    #[error("{}", refused.join("; "))]
    PartlyPersisted {
        /// Files that hold the plan.
        written: Vec<PathBuf>,
        /// What is not in them, and why.
        refused: Vec<String>,
    },
}

/// Why a link or a network of the document is not configured; the others are all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No interface of the machine has the link's MAC address.
    #[error("link {link:?}: no interface of this machine has the MAC address {mac}")]
    NoInterface {
        /// The link's id in the document.
        link: String,
        /// Its MAC address.
        mac: Mac,
    },
    /// Several interfaces have the link's MAC address, and only one can be meant.
    #[error("link {link:?}: {} have the MAC address {mac}, and which is meant is not told", names.join(" and "))]
    Ambiguous {
        /// The link's id in the document.
        link: String,
        /// Its MAC address.
        mac: Mac,
        /// The interfaces.
        names: Vec<String>,
    },
    /// Two links of the document mean the same interface; the first has it.
    #[error("link {link:?}: {name} is configured as another link already")]
    Taken {
        /// The link's id in the document.
        link: String,
        /// The interface.
        name: String,
    },
    /// The interface's name cannot be written to a configuration file.
    #[error(
        "link {link:?}: the interface's name {name:?} cannot be written down; rename it to at \
         most 15 letters, digits, dots, hyphens and underscores"
    )]
    Name {
        /// The link's id in the document.
        link: String,
        /// The interface.
        name: String,
    },
    /// None of a bond's members is an interface that the bond can have.
    #[error("bond {link:?}: none of its members is an interface of this machine")]
    NoMembers {
        /// The bond's id in the document.
        link: String,
    },
    /// What a VLAN is of is not there.
    #[error("VLAN {link:?}: its link {parent:?} is no interface of this machine and no bond")]
    NoParent {
        /// The VLAN's id in the document.
        link: String,
        /// The id of the link it is of.
        parent: String,
    },
    /// A bond's member has no addresses of its own.
    #[error("network {network:?}: {name} is a member of a bond and can have no address")]
    OfMember {
        /// The network's id in the document.
        network: String,
        /// The interface.
        name: String,
    },
    /// A network's type means nothing to this program.
    #[error("network {network:?}: the type {kind:?} is not known; the network is left out")]
    UnknownType {
        /// The network's id in the document.
        network: String,
        /// The type.
        kind: String,
    },
}
