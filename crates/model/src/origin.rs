use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::{InstanceId, NetworkId, PortId, ProjectId, RouterId};

/// Where a guest's request was caught and which address it came from: all that a namespace can
/// know of the asker, and nothing that the asker wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Origin {
    /// The router or network in whose namespace the request was caught.
    pub scope: OriginScope,
    /// The source address of the connection; an IPv4-mapped one is given as IPv4.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: IpAddr,
}

impl Origin {
    /// An origin with its address in canonical form.
    pub fn new(scope: OriginScope, address: IpAddr) -> Self {
        Self { scope, address: address.to_canonical() }
    }
}

/// The thing after which a namespace is named; addresses are unique only within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", content = "id", rename_all = "kebab-case")]
pub enum OriginScope {
    /// A router's namespace: the networks attached to this router, and no others.
    Router(RouterId),
    /// A network's own namespace.
    Network(NetworkId),
    /// A network's namespace as OVN's agent makes it: to a lookup it is the network's; only the
    /// header between proxy and agent is another.
    OvnNetwork(NetworkId),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.scope, self.address)
    }
}

impl fmt::Display for OriginScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router(id) => write!(f, "router {id}"),
            Self::Network(id) | Self::OvnNetwork(id) => write!(f, "network {id}"),
        }
    }
}

/// Who asks: the machine that an [`Origin`] belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The machine.
    pub instance: InstanceId,
    /// The machine's owner.
    pub project: ProjectId,
    /// The address it asked from, if the hop before said so.
    pub address: Option<IpAddr>,
    /// The port that has the address, if the hop before vouches for it: unless the port is the
    /// machine's and still has the address, the asker must be refused. Neutron's agent vouches for
    /// nothing.
    pub vouched_port: Option<PortId>,
    /// Where the port was found by the address, if that was before this request: unless it is still
    /// found there, the asker must be refused. Nothing if it was found for this request.
    pub found_in: Option<OriginScope>,
}

/// The port behind an [`Origin`], with its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PortOwner {
    /// The port whose address it is.
    pub port: PortId,
    /// The machine plugged into it.
    pub instance: InstanceId,
    /// The port's owner.
    pub project: ProjectId,
}

/// Why an [`Origin`] leads to nobody. Each means "not found", never a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LookupRefusal {
    /// No such router or network, or a router without networks.
    #[error("no such router or network, or a router without networks")]
    UnknownScope,
    /// No port has the address there.
    #[error("no port has that address there")]
    NoPort,
    /// Several ports have the address there.
    #[error("several ports have that address there")]
    SeveralPorts,
    /// A port has it, but no machine is plugged in.
    #[error("no machine is plugged into the port with that address")]
    NoInstance,
}
