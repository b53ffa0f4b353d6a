use serde::{Deserialize, Serialize};

use crate::{FlavorId, Invalid, Properties, UnixSeconds, text};

/// The size of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Flavor {
    /// The operator's own id.
    pub id: FlavorId,
    /// Unique; what EC2 calls the instance type.
    pub name: String,
    /// Virtual CPUs, at least 1.
    pub vcpus: u32,
    /// Memory, in MiB.
    pub ram_mib: u32,
    /// Root disk, in GiB; 0 means as large as the image.
    pub disk_gib: u32,
    /// Scheduler and hypervisor hints.
    pub extra_specs: Properties,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// A flavor to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewFlavor {
    /// The id to give it; a random UUID otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<FlavorId>,
    /// Unique.
    pub name: String,
    /// Virtual CPUs, at least 1.
    pub vcpus: u32,
    /// Memory, in MiB, at least 1.
    pub ram_mib: u32,
    /// Root disk, in GiB.
    #[serde(default)]
    pub disk_gib: u32,
    /// Scheduler and hypervisor hints.
    #[serde(default)]
    pub extra_specs: Properties,
}

impl NewFlavor {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)?;
        for (field, value) in [("vcpus", self.vcpus), ("ram_mib", self.ram_mib)] {
            if value == 0 {
                return Err(Invalid::new(field, "must be at least 1"));
            }
        }
        text::check_properties("extra_specs", &self.extra_specs)
    }
}

/// What to change of a flavor. Machines keep the flavor they were made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FlavorChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces all extra specs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_specs: Option<Properties>,
}

impl FlavorChange {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.name.as_deref().map_or(Ok(()), text::check_name)?;
        self.extra_specs.as_ref().map_or(Ok(()), |p| text::check_properties("extra_specs", p))
    }
}
