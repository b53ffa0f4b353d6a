//! The 512 bytes that say what a virtual hard disk is. All numbers have their highest byte first.

/// Bytes of it.
pub(super) const FOOTER: usize = 512;

/// Its first bytes.
pub(super) const COOKIE: &[u8; 8] = b"conectix";

/// Where its checksum is.
pub(super) const CHECKSUM_AT: usize = 64;

/// Cylinders, heads and sectors per track: what some programs take for the size of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) cylinders: u16,
    pub(super) heads: u8,
    pub(super) per_track: u8,
}

impl Geometry {
    /// What the specification (Virtual Hard Disk Image Format 1.0, appendix) makes of a number of
    /// sectors: about as many, never more.
    pub(super) fn of_sectors(sectors: u64) -> Self {
        let sectors = sectors.min(65_535 * 16 * 255);
        let wide = |per_track: u64| (per_track, 16, sectors / per_track);
        let (per_track, heads, tracks) = if sectors >= 65_535 * 16 * 63 {
            wide(255)
        } else {
            let tracks = sectors / 17;
            let heads = tracks.div_ceil(1024).max(4);
            match (17, heads, tracks) {
                small if tracks < heads * 1024 && heads <= 16 => small,
                _ if sectors / 31 < 16 * 1024 => wide(31),
                _ => wide(63),
            }
        };
        let byte = |value: u64| u8::try_from(value).expect("at most 16 heads and 255 sectors");
        let cylinders = u16::try_from(tracks / heads).expect("limited by the first line");
        Self { cylinders, heads: byte(heads), per_track: byte(per_track) }
    }

    /// How many sectors it has.
    pub(super) fn sectors(self) -> u64 {
        u64::from(self.cylinders) * u64::from(self.heads) * u64::from(self.per_track)
    }
}

/// The kinds of disks that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskType {
    Fixed,
    Dynamic,
    /// One that lacks a parent, or something unknown.
    Other(u32),
}

/// What a footer says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footer {
    pub(super) disk_type: DiskType,
    /// Where the header of a dynamic disk is.
    pub(super) header_at: u64,
    /// Bytes of the disk.
    pub(super) size: u64,
}

impl Footer {
    /// `None` unless it is one, with its checksum.
    pub(super) fn read(bytes: &[u8; FOOTER]) -> Option<Self> {
        let is_footer =
            bytes.starts_with(COOKIE) && u32_at(bytes, CHECKSUM_AT) == checksum(bytes, CHECKSUM_AT);
        let disk_type = match u32_at(bytes, 60) {
            2 => DiskType::Fixed,
            3 => DiskType::Dynamic,
            other => DiskType::Other(other),
        };
        is_footer.then(|| Self { disk_type, header_at: u64_at(bytes, 16), size: u64_at(bytes, 48) })
    }
}

/// The complement of the sum of all bytes but those of the checksum.
pub(super) fn checksum(bytes: &[u8], at: usize) -> u32 {
    let counted = bytes.iter().enumerate().filter(|(place, _)| !(at..at + 4).contains(place));
    !counted.map(|(_, byte)| u32::from(*byte)).sum::<u32>()
}

/// Four bytes of a field.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |value, byte| (value << 8) | u32::from(*byte))
}

/// Eight bytes of a field.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    (u64::from(u32_at(bytes, at)) << 32) | u64::from(u32_at(bytes, at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(sectors: u64) -> (u16, u8, u8) {
        let Geometry { cylinders, heads, per_track } = Geometry::of_sectors(sectors);
        (cylinders, heads, per_track)
    }

    #[test]
    fn the_geometry_is_the_specifications() {
        assert_eq!(geometry(1060), (15, 4, 17));
        assert_eq!(geometry(131_072), (963, 8, 17));
        assert_eq!(geometry(500_000), (1008, 16, 31));
        assert_eq!(geometry(2_097_152), (2080, 16, 63));
        assert_eq!(geometry(u64::MAX), (65_535, 16, 255));
    }
}
