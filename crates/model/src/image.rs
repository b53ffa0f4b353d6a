use serde::{Deserialize, Serialize};

use crate::{ImageId, Invalid, ProjectId, Properties, UnixSeconds, text};

/// A disk image, or a kernel or ramdisk image that another image names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Image {
    /// What documents derive `ami-…` from.
    pub id: ImageId,
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within its project.
    pub name: String,
    /// The file on this machine, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The disk format, for example `qcow2` or `raw`.
    pub disk_format: String,
    /// The kernel image for machines that boot without a boot loader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<ImageId>,
    /// The ramdisk image that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<ImageId>,
    /// Image properties, for example `img_config_drive`.
    pub properties: Properties,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// An image to be made known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewImage {
    /// The id to give it, such as the one Glance gave; a random one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ImageId>,
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within its project.
    pub name: String,
    /// The file on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The disk format.
    #[serde(default = "default_disk_format")]
    pub disk_format: String,
    /// The kernel image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_id: Option<ImageId>,
    /// The ramdisk image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramdisk_id: Option<ImageId>,
    /// Image properties.
    #[serde(default)]
    pub properties: Properties,
}

fn default_disk_format() -> String {
    "qcow2".to_owned()
}

/// Glance's disk formats that a hypervisor of ours can be given.
const DISK_FORMATS: [&str; 10] =
    ["qcow2", "raw", "vhd", "vhdx", "vmdk", "vdi", "iso", "ami", "aki", "ari"];

impl NewImage {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)?;
        if let Some(file) = &self.file {
            text::check_text("file", file, 4096)?;
        }
        if !DISK_FORMATS.contains(&self.disk_format.as_str()) {
            let reason = format!(
                "\"{}\" is not one of {}",
                self.disk_format.escape_debug(),
                DISK_FORMATS.join(", ")
            );
            return Err(Invalid::new("disk_format", reason));
        }
        check_image_properties(&self.properties)
    }
}

/// What to change of an image. Machines keep the image they were made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ImageChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces all properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Properties>,
}

impl ImageChange {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.name.as_deref().map_or(Ok(()), text::check_name)?;
        self.properties.as_ref().map_or(Ok(()), check_image_properties)
    }
}

fn check_image_properties(properties: &Properties) -> Result<(), Invalid> {
    text::check_properties("properties", properties)?;
    match properties.get("img_config_drive").map(String::as_str) {
        None | Some("optional" | "mandatory") => Ok(()),
        Some(other) => {
            let reason = format!("\"{}\" is neither optional nor mandatory", other.escape_debug());
            Err(Invalid::new("properties[img_config_drive]", reason))
        }
    }
}
