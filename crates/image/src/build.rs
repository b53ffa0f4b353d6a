//! From a tree to an image.

use crate::{Format, Image, Tree, iso9660, vfat, vhd};

/// Bytes of a VFAT image unless another size is asked for: what Nova makes.
pub const VFAT_BYTES: u64 = 64 * 1024 * 1024;

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// By which guests find it: `config-2`. At most 11 bytes of ASCII.
    pub label: String,
    /// Who made it; ISO 9660 only, at most 128 characters.
    pub publisher: String,
    /// The time of everything on it, in seconds since 1970. There is no clock in here, so that the
    /// same tree and volume make the same bytes.
    pub time: u64,
    /// The size of a VFAT image in bytes.
    pub vfat_bytes: u64,
}

/// Why there is no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The label fits no image.
    #[error("\"{0}\" cannot be a drive's label: it must have 1 to 11 printable ASCII characters")]
    Label(String),
    /// The files do not fit.
    #[error(
        "the drive's files need {needed} bytes, but the {format} image has room for {room}; ask \
         for a larger image or take files away"
    )]
    TooLarge {
        /// Of which format.
        format: Format,
        /// How many bytes would be needed.
        needed: u64,
        /// How many there are.
        room: u64,
    },
    /// The size asked for is none that the format has.
    #[error("a {format} image cannot have {bytes} bytes: {reason}")]
    Size {
        /// Of which format.
        format: Format,
        /// What was asked for.
        bytes: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path that the format cannot hold.
    #[error("\"{path}\" cannot be in a {format} image: {reason}")]
    Path {
        /// Of which format.
        format: Format,
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Makes the image of `tree`.
pub fn build(tree: &Tree, format: Format, volume: &Volume) -> Result<Image, BuildError> {
    let printable = volume.label.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !(1..=11).contains(&volume.label.len()) || !printable {
        return Err(BuildError::Label(volume.label.escape_debug().to_string()));
    }
    match format {
        Format::Iso9660 => iso9660::write(tree, volume),
        Format::Vfat => vfat::write(tree, volume),
        Format::Vhd => vhd::wrap(&iso9660::write(tree, volume)?, volume),
    }
}

/// Puts an image that another program made into a fixed VHD, as [`build`] does with its own.
pub fn fixed_vhd(image: &Image, volume: &Volume) -> Result<Image, BuildError> {
    vhd::wrap(image, volume)
}
