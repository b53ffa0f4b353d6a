//! Config drives, as operators see them.

use innkeeper_model::{InstanceId, Revision, UnixSeconds};
use serde::{Deserialize, Serialize};

/// What is to be done about an instance's kept config drive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeepConfigDrive {
    /// Makes a new one even if the kept one is current, and even if the instance runs.
    pub rebuild: bool,
}

/// A config drive that is kept with its instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfigDrive {
    /// Whose it is.
    pub instance_id: InstanceId,
    /// The file, on the machine of the control API.
    pub path: String,
    /// `iso9660`, `vfat` or `vhd`.
    pub format: String,
    /// Bytes of the image.
    pub size: u64,
    /// SHA-256 of the image, as hexadecimal digits.
    pub sha256: String,
    /// The instance's revision that it shows.
    pub revision: Revision,
    /// When it was made.
    pub built_at: UnixSeconds,
    /// Whether the instance is still as the drive shows it. The drive of a running instance is not
    /// made anew behind its back.
    pub is_current: bool,
}
