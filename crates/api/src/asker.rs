//! Who asks.

use std::{fmt, net::IpAddr};

use innkeeper_model::{Identity, InstanceId, PortId, PortOwner, ProjectId};

/// Who asks, by whatever way it was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) instance: InstanceId,
    /// Whose machine it must be; `None` where nobody claims to know.
    pub(crate) project: Option<ProjectId>,
    /// The address it asked from.
    pub(crate) address: Option<IpAddr>,
    /// What is shown as a machine's address that has none of its own: what the hop before said,
    /// even where that is no address.
    pub(crate) shown_address: Option<ShownAddress>,
    /// The port that must have the address; `None` where nobody looked.
    pub(crate) vouched_port: Option<PortId>,
}

/// An address as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShownAddress {
    /// In its canonical form.
    Address(IpAddr),
    /// As somebody wrote it.
    Text(String),
}

impl fmt::Display for ShownAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Asker {
    /// Whoever we ourselves found behind `address`.
    pub(crate) fn found(owner: PortOwner, address: IpAddr) -> Self {
        Self {
            instance: owner.instance,
            project: Some(owner.project),
            address: Some(address),
            shown_address: Some(ShownAddress::Address(address)),
            vouched_port: Some(owner.port),
        }
    }
}

impl From<Identity> for Asker {
    fn from(identity: Identity) -> Self {
        let Identity { instance, project, address, vouched_port } = identity;
        let shown_address = address.map(ShownAddress::Address);
        Self { instance, project: Some(project), address, shown_address, vouched_port }
    }
}
