//! What all resources have in common, as types.

use std::fmt;

use innkeeper_model::{
    Flavor, FlavorChange, FlavorId, FloatingIp, FloatingIpChange, FloatingIpId, Image, ImageChange,
    ImageId, Instance, InstanceChange, InstanceId, KeyPair, Network, NetworkChange, NetworkId,
    NewFlavor, NewFloatingIp, NewImage, NewInstance, NewKeyPair, NewNetwork, NewPort, NewProject,
    NewRouter, NewSubnet, Port, PortChange, PortId, Project, ProjectChange, ProjectId, Router,
    RouterChange, RouterId, Subnet, SubnetChange, SubnetId,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::routes;

/// Something that operators create, list, show and delete.
pub trait Resource: Serialize + DeserializeOwned + Send + Sync {
    /// What names one for good.
    type Id: fmt::Display + Clone + PartialEq + Send + Sync;
    /// One that is to be made.
    type New: Serialize + Send + Sync;
    /// What people call it, singular.
    const KIND: &'static str;
    /// The command that deals with it: `innkeeper <COMMAND> list`.
    const COMMAND: &'static str;
    /// Where they are listed and made.
    const COLLECTION: &'static str;

    /// Its id.
    fn id(&self) -> Self::Id;

    /// What people call this one; the address of a floating IP, which has no name.
    fn name(&self) -> String;

    /// Its owner; `None` where there is no such thing.
    fn project_id(&self) -> Option<&ProjectId>;

    /// The path of the one with this id.
    fn path(id: &Self::Id) -> String {
        format!("{}/{id}", Self::COLLECTION)
    }
}

/// A resource that can be changed.
pub trait Changeable: Resource {
    /// What to change.
    type Change: Serialize + Send + Sync;
}

/// What names a key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPairId {
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within the project.
    pub name: String,
}

/// Shows as a part of a path: the name with all but unreserved characters escaped.
impl fmt::Display for KeyPairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project_id, utf8_percent_encode(&self.name, SEGMENT))
    }
}

/// All that RFC 3986 does not call unreserved.
pub(crate) const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A subnet to be attached to a router, or detached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouterInterface {
    /// The subnet.
    pub subnet_id: SubnetId,
}

macro_rules! resource {
    ($name:ident, $id:ty, $new:ty, $kind:literal, $command:literal, $collection:ident,
     |$this:ident| $name_of:expr, |$that:ident| $project:expr, $change:ty) => {
        impl Resource for $name {
            type Id = $id;
            type New = $new;
            const KIND: &'static str = $kind;
            const COMMAND: &'static str = $command;
            const COLLECTION: &'static str = routes::$collection;

            fn id(&self) -> $id {
                self.id.clone()
            }

            fn name(&self) -> String {
                let $this = self;
                $name_of
            }

            fn project_id(&self) -> Option<&ProjectId> {
                let $that = self;
                $project
            }
        }

        impl Changeable for $name {
            type Change = $change;
        }
    };
}

resource!(
    Project,
    ProjectId,
    NewProject,
    "project",
    "project",
    PROJECTS,
    |it| it.name.clone(),
    |_it| None,
    ProjectChange
);
resource!(
    Flavor,
    FlavorId,
    NewFlavor,
    "flavor",
    "flavor",
    FLAVORS,
    |it| it.name.clone(),
    |_it| None,
    FlavorChange
);
resource!(
    Image,
    ImageId,
    NewImage,
    "image",
    "image",
    IMAGES,
    |it| it.name.clone(),
    |it| Some(&it.project_id),
    ImageChange
);
resource!(
    Network,
    NetworkId,
    NewNetwork,
    "network",
    "network",
    NETWORKS,
    |it| it.name.clone(),
    |it| Some(&it.project_id),
    NetworkChange
);
resource!(
    Subnet,
    SubnetId,
    NewSubnet,
    "subnet",
    "subnet",
    SUBNETS,
    |it| it.name.clone(),
    |it| Some(&it.project_id),
    SubnetChange
);
resource!(
    Router,
    RouterId,
    NewRouter,
    "router",
    "router",
    ROUTERS,
    |it| it.name.clone(),
    |it| Some(&it.project_id),
    RouterChange
);
resource!(
    Port,
    PortId,
    NewPort,
    "port",
    "port",
    PORTS,
    |it| it.name.clone(),
    |it| Some(&it.project_id),
    PortChange
);
resource!(
    FloatingIp,
    FloatingIpId,
    NewFloatingIp,
    "floating IP",
    "floating-ip",
    FLOATING_IPS,
    |it| it.floating_ip_address.to_string(),
    |it| Some(&it.project_id),
    FloatingIpChange
);
resource!(
    Instance,
    InstanceId,
    NewInstance,
    "instance",
    "instance",
    INSTANCES,
    |it| it.name.clone(),
    |it| Some(&it.project_id),
    InstanceChange
);

impl Resource for KeyPair {
    type Id = KeyPairId;
    type New = NewKeyPair;
    const KIND: &'static str = "key pair";
    const COMMAND: &'static str = "keypair";
    const COLLECTION: &'static str = routes::KEY_PAIRS;

    fn id(&self) -> KeyPairId {
        KeyPairId { project_id: self.project_id.clone(), name: self.name.clone() }
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn project_id(&self) -> Option<&ProjectId> {
        Some(&self.project_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_pair_of_any_name_is_one_path_segment() {
        let project_id = "p1".parse().expect("an id");
        let id = KeyPairId { project_id, name: "a/b c?é".to_owned() };
        assert_eq!(KeyPair::path(&id), "/v1/key-pairs/p1/a%2Fb%20c%3F%C3%A9");
    }
}
