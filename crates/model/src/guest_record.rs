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
    /// Its interfaces, in order.
    pub network_info: Vec<Vif>,
    /// Names of its ports' security groups, port by port, duplicates kept: what Nova serves.
    pub security_groups: Vec<String>,
    /// What the guest posted as its encrypted password; empty if nothing.
    pub password: String,
}

/// Integers by which EC2 documents name what OpenStack names by UUID. Once given they never change:
/// cloud-init takes a changed `instance-id` for a new machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
