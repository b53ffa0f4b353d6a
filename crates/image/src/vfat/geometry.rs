//! How a volume of some size is divided.

use crate::{BuildError, FileSystem, Format};

/// Bytes of a sector. Disks that guests are given have no others.
pub(super) const SECTOR: u32 = 512;

/// Entries of the root directory of FAT12 and FAT16, where it has a place of its own: what mkfs.fat
/// makes, and so what a guest expects.
pub(super) const ROOT_ENTRIES: u32 = 512;

const MIB: u64 = 1024 * 1024;

/// The least that is made. Below, the tables take more than what they manage.
const BYTES_MIN: u64 = 64 * 1024;

/// The most that is made: beyond, Windows makes no FAT, and a drive of some files needs no more.
const BYTES_MAX: u64 = 32 * 1024 * MIB;

/// With more clusters it would be FAT16, whatever it says of itself.
const FAT12_CLUSTERS_MAX: u32 = 4084;

/// With more clusters it would be FAT32.
const FAT16_CLUSTERS_MAX: u32 = 65_524;

/// Up to which size there are which tables, the sectors of a cluster that are tried first, and how
/// many clusters the tables can have: as mkfs.fat chooses, but with smaller clusters on small
/// volumes, because a drive has small files.
const DIVISIONS: [(u64, Width, u32, u32); 6] = [
    (8 * MIB, Width::Fat12, 1, FAT12_CLUSTERS_MAX),
    (16 * MIB, Width::Fat16, 2, FAT16_CLUSTERS_MAX),
    (512 * MIB, Width::Fat16, 4, FAT16_CLUSTERS_MAX),
    (8 * 1024 * MIB, Width::Fat32, 8, u32::MAX),
    (16 * 1024 * MIB, Width::Fat32, 16, u32::MAX),
    (BYTES_MAX, Width::Fat32, 32, u32::MAX),
];

/// The kind of a file allocation table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// Twelve bits an entry.
    Fat12,
    /// Sixteen.
    Fat16,
    /// Thirty-two, of which the upper four mean nothing.
    Fat32,
}

impl Width {
    /// What a volume with so many clusters has. Nothing else tells.
    pub(super) const fn of_clusters(clusters: u32) -> Self {
        if clusters <= FAT12_CLUSTERS_MAX {
            Self::Fat12
        } else if clusters <= FAT16_CLUSTERS_MAX {
            Self::Fat16
        } else {
            Self::Fat32
        }
    }

    /// Bits of an entry.
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// The entry of a chain's last cluster.
    pub(super) const fn end_of_chain(self) -> u32 {
        match self {
            Self::Fat12 => 0xFFF,
            Self::Fat16 => 0xFFFF,
            Self::Fat32 => 0x0FFF_FFFF,
        }
    }

    /// What it is called outside.
    pub(super) const fn file_system(self) -> FileSystem {
        match self {
            Self::Fat12 => FileSystem::Fat12,
            Self::Fat16 => FileSystem::Fat16,
            Self::Fat32 => FileSystem::Fat32,
        }
    }
}

/// Where everything is on a volume that is made. All counts are of sectors unless they say more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) width: Width,
    pub(super) sectors: u32,
    pub(super) per_cluster: u32,
    /// Before the first table.
    pub(super) reserved: u32,
    /// Of one table.
    pub(super) table: u32,
    /// Of the root directory; none for FAT32, whose root is a chain as any other directory.
    pub(super) root: u32,
    pub(super) clusters: u32,
}

impl Geometry {
    /// Divides `bytes`. With the default of 64 MiB it is what mkfs.fat makes.
    pub(super) fn of_size(bytes: u64) -> Result<Self, BuildError> {
        let refuse = |reason| BuildError::Size { format: Format::Vfat, bytes, reason };
        if !(BYTES_MIN..=BYTES_MAX).contains(&bytes) {
            return Err(refuse("there are images from 64 KiB to 32 GiB"));
        }
        if !bytes.is_multiple_of(u64::from(SECTOR)) {
            return Err(refuse("it must be a multiple of 512 bytes"));
        }
        let sectors = bytes / u64::from(SECTOR);
        let sectors = u32::try_from(sectors).expect("32 GiB have fewer sectors than 2^32");
        let (_, width, mut per_cluster, clusters_max) = *DIVISIONS
            .iter()
            .find(|(up_to, ..)| bytes <= *up_to)
            .expect("the last division is that of the largest size");
        loop {
            let geometry = Self::with(width, sectors, per_cluster);
            if geometry.clusters <= clusters_max {
                return Ok(geometry);
            }
            per_cluster *= 2;
        }
    }

    /// Bytes of a cluster.
    pub(super) const fn cluster_bytes(&self) -> u32 {
        self.per_cluster * SECTOR
    }

    /// Where the root directory of FAT12 and FAT16 is, in bytes.
    pub(super) fn root_offset(&self) -> u64 {
        u64::from(self.reserved + 2 * self.table) * u64::from(SECTOR)
    }

    /// Where a cluster is, in bytes; the first one has the number 2.
    pub(super) fn cluster_offset(&self, cluster: u32) -> u64 {
        let first = self.root_offset() + u64::from(self.root * SECTOR);
        first + u64::from(cluster - 2) * u64::from(self.cluster_bytes())
    }

    /// The tables begin and end with whole clusters, so that the clusters lie on round places.
    fn with(width: Width, sectors: u32, per_cluster: u32) -> Self {
        let root = if width == Width::Fat32 { 0 } else { ROOT_ENTRIES * 32 / SECTOR };
        let reserved = if width == Width::Fat32 { 32 } else { per_cluster };
        let clusters_at_most = (sectors - reserved - root) / per_cluster;
        let table_bits = u64::from(clusters_at_most + 2) * u64::from(width.bits());
        let table = u32::try_from(table_bits.div_ceil(u64::from(SECTOR * 8)))
            .expect("a table is smaller than its volume")
            .next_multiple_of(per_cluster);
        let clusters = (sectors - reserved - 2 * table - root) / per_cluster;
        Self { width, sectors, per_cluster, reserved, table, root, clusters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_divided_as_by_mkfs_fat() {
        let geometry = Geometry::of_size(crate::VFAT_BYTES).unwrap();
        let expected = Geometry {
            width: Width::Fat16,
            sectors: 131_072,
            per_cluster: 4,
            reserved: 4,
            table: 128,
            root: 32,
            clusters: 32_695,
        };
        assert_eq!(geometry, expected);
    }

    #[test]
    fn every_size_has_the_width_that_its_clusters_tell() {
        let sizes = (1..1200).map(|size| size * MIB).chain((1..=32).map(|size| size * 1024 * MIB));
        let odd = (0..10_000).map(|sectors| BYTES_MIN + sectors * 512);
        let near = [8, 16, 512].into_iter().flat_map(|size| [size * MIB - 512, size * MIB + 512]);
        for bytes in sizes.chain(odd).chain(near) {
            let geometry = Geometry::of_size(bytes).unwrap();
            assert_eq!(Width::of_clusters(geometry.clusters), geometry.width, "{bytes}");
            let entries = u64::from(geometry.table) * 4096 / u64::from(geometry.width.bits());
            assert!(entries >= u64::from(geometry.clusters) + 2, "{bytes}: {geometry:?}");
            assert!(geometry.cluster_offset(geometry.clusters + 2) <= bytes, "{bytes}");
        }
    }

    #[test]
    fn sizes_that_no_volume_has_are_refused() {
        for bytes in [0, 512, BYTES_MIN - 512, MIB + 1, BYTES_MAX + 512, u64::MAX] {
            assert!(matches!(Geometry::of_size(bytes), Err(BuildError::Size { .. })), "{bytes}");
        }
    }
}
