//! How drives are made.

use std::path::PathBuf;

use innkeeper_documents::SkippedVersion;
use innkeeper_image::{Format, VFAT_BYTES};

/// By which guests find the drive.
pub const LABEL: &str = "config-2";

/// What an operator sets once for every drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The kind of image.
    pub format: Format,
    /// Versions that are left out.
    pub skip_versions: Vec<SkippedVersion>,
    /// The size of a VFAT image in bytes.
    pub vfat_bytes: u64,
    /// Who an ISO 9660 image says has made it.
    pub publisher: String,
    /// A program that takes the arguments of genisoimage, to be run in place of what is built in:
    /// for ISO 9660 images, alone or inside a VHD. Its images are not the same bytes each time.
    pub mkisofs_cmd: Option<PathBuf>,
    /// A `qemu-img` that makes VHDs, dynamic ones, in place of the fixed ones that are built in.
    pub qemu_img_cmd: Option<PathBuf>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            format: Format::Iso9660,
            skip_versions: SkippedVersion::DEFAULT.to_vec(),
            vfat_bytes: VFAT_BYTES,
            publisher: default_publisher(),
            mkisofs_cmd: None,
            qemu_img_cmd: None,
        }
    }
}

/// `Innkeeper` and its version.
pub fn default_publisher() -> String {
    format!("Innkeeper {}", env!("CARGO_PKG_VERSION"))
}
