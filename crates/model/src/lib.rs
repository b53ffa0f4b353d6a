//! The nouns of Innkeeper and the rules they obey: instances, ports, networks, subnets, routers,
//! key pairs, flavors, images.
//!
//! Nothing here does I/O. A value that exists is well formed as far as one value alone can tell;
//! what needs its neighbours (overlapping subnets, an address taken twice) is the store's to refuse.

mod device;
mod extra_dhcp_option;
mod flavor;
mod floating_ip;
mod guest_record;
mod id;
mod image;
mod imported_instance;
mod instance;
mod invalid;
mod key_pair;
pub mod limits;
mod mac;
mod metadata_path;
mod metadata_provider;
mod network;
mod network_info;
mod origin;
pub mod path;
mod port;
mod project;
mod router;
mod secret;
mod subnet;
mod text;
mod token;
mod topology;
mod user_data;

pub use device::{BlockDevice, Device, DeviceBus, DeviceKind, NumaCell};
pub use extra_dhcp_option::ExtraDhcpOption;
pub use flavor::{Flavor, FlavorChange, NewFlavor};
pub use floating_ip::{FloatingIp, FloatingIpChange, NewFloatingIp};
pub use guest_record::{Ec2Ids, Ec2Key, GuestRecord};
pub use id::{
    FlavorId, FloatingIpId, ImageId, InstanceId, NetworkId, PortId, ProjectId, RouterId, SubnetId,
    TokenId,
};
pub use image::{Image, ImageChange, NewImage};
pub use imported_instance::ImportedInstance;
pub use instance::{
    AttachedKeyPair, Instance, InstanceChange, NetworkRequest, NewInstance, PersonalityFile,
    PowerState,
};
pub use invalid::Invalid;
pub use key_pair::{KeyPair, KeyPairType, NewKeyPair};
pub use mac::MacAddress;
pub use metadata_path::MetadataPath;
pub use metadata_provider::MetadataProvider;
pub use network::{Network, NetworkChange, NewNetwork};
pub use network_info::{
    Vif, VifAddress, VifIp, VifNetwork, VifNetworkMeta, VifRoute, VifSubnet, VifSubnetMeta,
};
pub use origin::{Identity, LookupRefusal, Origin, OriginScope, PortOwner};
pub use port::{FixedIp, FixedIpRequest, NewPort, Port, PortAttachment, PortChange};
pub use project::{NewProject, Project, ProjectChange};
pub use router::{NewRouter, Router, RouterChange};
pub use secret::Secret;
pub use subnet::{HostRoute, Ipv6Mode, NewSubnet, Subnet, SubnetChange};
pub use text::sanitize_hostname;
pub use token::{TokenRecord, TokenScope};
pub use topology::{
    DhcpBinding, HostedBridge, HostedInterface, HostedNetwork, HostedRouter, HostedSubnet,
    MetadataHolder, PluggedPort, Topology, TopologyGeneration,
};
pub use user_data::UserData;

/// A resource's key/value properties, in the order in which they were given.
pub type Properties = indexmap::IndexMap<String, String>;

/// Counts the changes of one instance that a guest could see in its documents.
///
/// It only grows; two documents of one revision are equal but for fresh entropy.
pub type Revision = u64;

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixSeconds = i64;
