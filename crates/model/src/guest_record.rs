use serde::{Deserialize, Serialize};

use crate::{Instance, Vif};

/// All that a guest's documents are made of: the machine and its network info.
///
/// This one value is the input of both carriers, metadata service and config drive. The store
/// derives it from its own tables; an imported machine may carry its network info verbatim; Nova's
/// database can supply it as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestRecord {
    /// The machine.
    pub instance: Instance,
    /// Integer ids for the EC2 documents.
    pub ec2_ids: Ec2Ids,
    /// The name that documents show. An imported machine may have none.
    pub display_name: Option<String>,
    /// The key that EC2's `public-keys` shows. It is kept apart from the OpenStack documents' key
    /// pair: an imported machine may have the one without the other.
    pub ec2_key: Option<Ec2Key>,
    /// Roles of whoever made the machine, joined by commas, which dynamic vendor data is told.
    pub boot_roles: String,
    /// Its interfaces, in order.
    pub network_info: Vec<Vif>,
    /// Names of its ports' security groups, port by port, duplicates kept: what Nova serves.
    pub security_groups: Vec<String>,
    /// What the guest posted as its encrypted password; empty if nothing.
    pub password: String,
}

/// Integers by which EC2 documents name what OpenStack names by UUID. Once given they never change:
/// cloud-init takes a changed `instance-id` for a new machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ec2Ids {
    /// Shown as `i-%08x`.
    pub instance: u64,
    /// Shown as `ami-%08x`.
    pub image: Option<u64>,
    /// Shown as `aki-%08x`.
    pub kernel: Option<u64>,
    /// Shown as `ari-%08x`.
    pub ramdisk: Option<u64>,
}

/// A key by name, as EC2 documents show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ec2Key {
    /// Its name.
    pub name: String,
    /// Its text; the name may be all that is left.
    pub public_key: Option<String>,
}
