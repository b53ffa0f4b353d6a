//! What stands before the tables: the boot sector, and FAT32's notes and copies.

use super::{
    geometry::{Geometry, ROOT_ENTRIES, SECTOR, Width},
    names::ShortName,
};

/// A disk that cannot be taken out, as mkfs.fat says of an image of any size.
pub(super) const MEDIA: u8 = 0xF8;

/// Where FAT32's root directory begins.
pub(super) const FAT32_ROOT: u32 = 2;

/// Of FAT32: the sector with what is free, and the one with the copy of the first.
const INFO_SECTOR: u16 = 1;
const BACKUP_SECTOR: u16 = 6;

/// Nobody boots from it: leaves for the next device, and else stands still.
const BOOT_CODE: [u8; 5] = [0xCD, 0x18, 0xF4, 0xEB, 0xFD];

/// The sectors before the first table, without the zeros behind them.
pub(super) fn sectors(geometry: &Geometry, label: &str, serial: u32, used: u32) -> Vec<u8> {
    let boot = boot_sector(geometry, label, serial);
    if geometry.width != Width::Fat32 {
        return boot.to_vec();
    }
    let info = info_sector(geometry, used);
    let backup = usize::from(BACKUP_SECTOR) * boot.len();
    let mut bytes = [boot, info].concat();
    bytes.resize(backup, 0);
    bytes.extend([boot, info].concat());
    bytes
}

fn boot_sector(geometry: &Geometry, label: &str, serial: u32) -> [u8; 512] {
    let mut sector = Sector([0; 512]);
    let is_fat32 = geometry.width == Width::Fat32;
    let end_of_fields = if is_fat32 { 90 } else { 62 };
    let (per_track, heads) = tracks(geometry.sectors);
    let short_count = u16::try_from(geometry.sectors).ok().filter(|_| !is_fat32);
    let [per_cluster, ..] = geometry.per_cluster.to_le_bytes();
    sector.put(0, &[0xEB, end_of_fields - 2, 0x90]);
    sector.put(3, b"MSWIN4.1");
    sector.put(11, &low_16(SECTOR));
    sector.put(13, &[per_cluster]);
    sector.put(14, &low_16(geometry.reserved));
    sector.put(16, &[2]);
    sector.put(17, &low_16(if is_fat32 { 0 } else { ROOT_ENTRIES }));
    sector.put(19, &short_count.unwrap_or(0).to_le_bytes());
    sector.put(21, &[MEDIA]);
    sector.put(22, &low_16(if is_fat32 { 0 } else { geometry.table }));
    sector.put(24, &per_track.to_le_bytes());
    sector.put(26, &heads.to_le_bytes());
    if short_count.is_none() {
        sector.put(32, &geometry.sectors.to_le_bytes());
    }
    if is_fat32 {
        sector.put(36, &geometry.table.to_le_bytes());
        sector.put(44, &FAT32_ROOT.to_le_bytes());
        sector.put(48, &INFO_SECTOR.to_le_bytes());
        sector.put(50, &BACKUP_SECTOR.to_le_bytes());
    }
    let extended = usize::from(end_of_fields) - 26;
    sector.put(extended, &[0x80, 0, 0x29]);
    sector.put(extended + 3, &serial.to_le_bytes());
    sector.put(extended + 7, &ShortName::label(label).bytes);
    let name = match geometry.width {
        Width::Fat12 => b"FAT12   ",
        Width::Fat16 => b"FAT16   ",
        Width::Fat32 => b"FAT32   ",
    };
    sector.put(extended + 18, name);
    sector.put(usize::from(end_of_fields), &BOOT_CODE);
    sector.put(510, &[0x55, 0xAA]);
    sector.0
}

fn info_sector(geometry: &Geometry, used: u32) -> [u8; 512] {
    let mut sector = Sector([0; 512]);
    sector.put(0, b"RRaA");
    sector.put(484, b"rrAa");
    sector.put(488, &(geometry.clusters - used).to_le_bytes());
    sector.put(492, &(used + 2).min(geometry.clusters + 1).to_le_bytes());
    sector.put(510, &[0x55, 0xAA]);
    sector.0
}

struct Sector([u8; 512]);

impl Sector {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// Sectors per track and heads. Nothing turns, but mtools wants whole tracks.
fn tracks(sectors: u32) -> (u16, u16) {
    let per_track = [63, 32, 16, 8, 4, 2].into_iter().find(|track| sectors.is_multiple_of(*track));
    let heads = if sectors < 0x1_0000 { 2 } else { 8 };
    (u16::try_from(per_track.unwrap_or(1)).unwrap_or(1), heads)
}

/// The lower half, of what is known to have no upper one.
const fn low_16(value: u32) -> [u8; 2] {
    let [one, two, ..] = value.to_le_bytes();
    [one, two]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_small_volumes_fit_their_field() {
        for mib in 1..=512_u64 {
            let geometry = Geometry::of_size(mib * 1024 * 1024).unwrap();
            assert!(u16::try_from(geometry.table).is_ok(), "{mib} MiB");
        }
    }

    #[test]
    fn fat32_has_its_boot_sector_twice() {
        let geometry = Geometry::of_size(600 * 1024 * 1024).unwrap();
        let bytes = sectors(&geometry, "config-2", 1, 9);
        assert_eq!(bytes[..1024], bytes[6 * 512..8 * 512]);
        assert_eq!(bytes[512 + 488..][..4], (geometry.clusters - 9).to_le_bytes());
    }
}
