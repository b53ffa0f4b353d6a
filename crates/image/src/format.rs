//! Which kinds of drive there are.

use std::{fmt, str::FromStr};

/// A kind of drive image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A CD: ISO 9660 with Rock Ridge and Joliet.
    Iso9660,
    /// A disk without partitions: FAT with long names.
    Vfat,
    /// A fixed virtual hard disk, as Hyper-V takes it, that holds the ISO 9660 image.
    Vhd,
}

/// A format that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no format of drives; there are iso9660, vfat and vhd")]
pub struct UnknownFormat(String);

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Iso9660, Self::Vfat, Self::Vhd];

    /// Its name in configuration and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iso9660 => "iso9660",
            Self::Vfat => "vfat",
            Self::Vhd => "vhd",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| UnknownFormat(text.escape_debug().to_string()))
    }
}
