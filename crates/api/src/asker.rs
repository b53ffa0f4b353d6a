//! Who asks.

use std::{fmt, net::IpAddr};

use innkeeper_model::{Identity, InstanceId, Origin, OriginScope, PortId, PortOwner, ProjectId};

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
    /// Where the port must be found by the address; `None` where it has just been.
    pub(crate) found_in: Option<OriginScope>,
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
    /// What it is known by in `scope`.
    pub(crate) fn origin_in(&self, scope: OriginScope) -> Option<Origin> {
        self.address.map(|address| Origin::new(scope, address))
    }

    /// Whether it is `owner`.
    pub(crate) fn is(&self, owner: &PortOwner) -> bool {
        let PortOwner { port, instance, project } = owner;
        self.instance == *instance
            && self.vouched_port == Some(*port)
            && self.project.as_ref() == Some(project)
    }

    /// Whoever we ourselves found behind `address`.
    pub(crate) fn found(owner: PortOwner, address: IpAddr) -> Self {
        Self {
            instance: owner.instance,
            project: Some(owner.project),
            address: Some(address),
            shown_address: Some(ShownAddress::Address(address)),
            vouched_port: Some(owner.port),
            found_in: None,
        }
    }
}

impl From<Identity> for Asker {
    fn from(identity: Identity) -> Self {
        let Identity { instance, project, address, vouched_port, found_in } = identity;
        let shown_address = address.map(ShownAddress::Address);
        Self { instance, project: Some(project), address, shown_address, vouched_port, found_in }
    }
}
