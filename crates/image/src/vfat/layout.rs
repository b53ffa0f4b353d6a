//! Where everything is on a volume that was found, by what its boot sector says.

use super::geometry::Width;
use crate::{ReadError, Source, drive::read_at};

/// Bytes of the sector that is looked at, whatever the sectors are.
const BOOT_SECTOR: usize = 512;

/// Bytes of a cluster: more no system mounts.
const CLUSTER_BYTES_MAX: u32 = 256 * 1024;

/// Types of partitions that hold FAT, of those in a table of the first sector.
const FAT_PARTITIONS: [u8; 6] = [0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E];

/// Bytes of an address in a partition table.
const PARTITION_SECTOR: u64 = 512;

/// Where the root directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// Of FAT12 and FAT16: at a place of its own.
    Fixed { offset: u64, len: u32 },
    /// Of FAT32: a chain.
    Chain { first: u32 },
}

/// A volume. Places are byte offsets in the source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) width: Width,
    /// The first table.
    pub(super) table: u64,
    pub(super) root: Root,
    /// The cluster with the number 2.
    pub(super) data: u64,
    pub(super) cluster_bytes: u32,
    /// How many there are that the table has entries for.
    pub(super) clusters: u32,
    /// As the boot sector has it.
    pub(super) label: [u8; 11],
}

impl Layout {
    /// A volume from the first sector on, or in the first partition that has one.
    pub(super) fn probe(source: &dyn Source) -> Result<Option<Self>, ReadError> {
        let Some(sector) = boot_sector(source, 0)? else { return Ok(None) };
        if let Some(layout) = Self::of_sector(&sector, 0) {
            return Ok(Some(layout));
        }
        for entry in sector[446..510].chunks(16) {
            let start = u64::from(u32_at(entry, 8)) * PARTITION_SECTOR;
            if start > 0 && FAT_PARTITIONS.contains(&entry[4]) {
                let found = boot_sector(source, start)?;
                if let Some(layout) = found.and_then(|sector| Self::of_sector(&sector, start)) {
                    return Ok(Some(layout));
                }
            }
        }
        Ok(None)
    }

    /// How many bytes all clusters have.
    pub(super) fn data_bytes(&self) -> u64 {
        u64::from(self.clusters) * u64::from(self.cluster_bytes)
    }

    /// Where a cluster is; `None` unless the volume has it.
    pub(super) fn cluster_offset(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(2).filter(|index| *index < self.clusters)?;
        Some(self.data + u64::from(index) * u64::from(self.cluster_bytes))
    }

    /// `None` unless every field is as on a FAT volume.
    fn of_sector(sector: &[u8; BOOT_SECTOR], start: u64) -> Option<Self> {
        let sector_bytes = u32::from(u16_at(sector, 11));
        let (per_cluster, reserved, tables) =
            (u32::from(sector[13]), u32::from(u16_at(sector, 14)), u32::from(sector[16]));
        let root_bytes = u32::from(u16_at(sector, 17)) * 32;
        let either = |short: usize, long: usize| match u16_at(sector, short) {
            0 => u32_at(sector, long),
            count => u32::from(count),
        };
        let (sectors, table) = (either(19, 32), either(22, 36));
        let is_fat32 = u16_at(sector, 22) == 0;
        let is_sound = matches!(sector[0], 0xEB | 0xE9)
            && matches!(sector_bytes, 512 | 1024 | 2048 | 4096)
            && per_cluster.is_power_of_two()
            && per_cluster * sector_bytes <= CLUSTER_BYTES_MAX
            && reserved > 0
            && matches!(tables, 1 | 2)
            && matches!(sector[21], 0xF0 | 0xF8..)
            && table > 0
            && is_fat32 == (root_bytes == 0);
        if !is_sound {
            return None;
        }
        let root = u64::from(reserved) + u64::from(tables) * u64::from(table);
        let data = root + u64::from(root_bytes.div_ceil(sector_bytes));
        let clusters = u64::from(sectors).checked_sub(data)? / u64::from(per_cluster);
        let clusters = u32::try_from(clusters).ok().filter(|clusters| *clusters > 0)?;
        // As Linux tells it: small volumes may have wide tables, if the fields are FAT32's.
        let width = if is_fat32 { Width::Fat32 } else { Width::of_clusters(clusters) };
        if width == Width::Fat32 && !is_fat32 {
            return None;
        }
        let entries = u64::from(table) * u64::from(sector_bytes) * 8 / u64::from(width.bits());
        let entries = u32::try_from(entries).unwrap_or(u32::MAX).saturating_sub(2);
        let place = |sector: u64| start + sector * u64::from(sector_bytes);
        Some(Self {
            width,
            table: place(u64::from(reserved)),
            root: match width {
                Width::Fat32 => Root::Chain { first: u32_at(sector, 44) },
                _ => Root::Fixed { offset: place(root), len: root_bytes },
            },
            data: place(data),
            cluster_bytes: per_cluster * sector_bytes,
            clusters: clusters.min(entries),
            label: boot_label(sector, if is_fat32 { 66 } else { 38 }),
        })
    }
}

/// Two bytes, the lower one first.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes, the lowest first.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A sector that says it is a boot sector. Behind the end there is none.
fn boot_sector(source: &dyn Source, at: u64) -> Result<Option<[u8; BOOT_SECTOR]>, ReadError> {
    let what = "a boot sector";
    let size = source.size().map_err(|source| ReadError::Io { what, at, source })?;
    let mut sector = [0; BOOT_SECTOR];
    if size < at + BOOT_SECTOR as u64 {
        return Ok(None);
    }
    read_at(source, &mut sector, at, what)?;
    Ok((sector[510..] == [0x55, 0xAA]).then_some(sector))
}

/// The label beside the signature at `at`; spaces if there is no signature.
fn boot_label(sector: &[u8; BOOT_SECTOR], at: usize) -> [u8; 11] {
    let mut label = [b' '; 11];
    if sector[at] == 0x29 {
        label.copy_from_slice(&sector[at + 5..at + 16]);
    }
    label
}
