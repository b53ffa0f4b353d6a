//! A fixed virtual hard disk: the disk's bytes, then a footer.

use bytes::Bytes;

use super::footer::{CHECKSUM_AT, COOKIE, FOOTER, Geometry, checksum};
use crate::{BuildError, Format, Image, Volume};

/// Bytes of a sector.
const SECTOR: u64 = 512;

/// The least that Windows makes; what is smaller it may not take.
const BYTES_MIN: u64 = 3 * 1024 * 1024;

/// What the geometry can say, and so what every program takes.
const BYTES_MAX: u64 = 65_535 * 16 * 255 * SECTOR;

/// From when its times count: 2000-01-01.
const EPOCH: u64 = 946_684_800;

/// Puts a footer behind `image`.
///
/// Hyper-V takes the size from its field, and QEMU from the geometry unless it knows the program
/// that wrote the disk. So zeros are added until both are the same.
pub(crate) fn wrap(image: &Image, volume: &Volume) -> Result<Image, BuildError> {
    let needed = image.len();
    if needed > BYTES_MAX {
        return Err(BuildError::TooLarge { format: Format::Vhd, needed, room: BYTES_MAX });
    }
    let geometry = geometry_for(needed.max(BYTES_MIN).div_ceil(SECTOR));
    let size = geometry.sectors() * SECTOR;
    let footer = footer(size, geometry, volume.time, &image.sha256());
    let footer = (size, Bytes::copy_from_slice(&footer));
    let parts = image.parts().iter().cloned().chain([footer]).collect();
    Ok(Image::new(size + FOOTER as u64, parts))
}

/// The next geometry with at least so many sectors that is also the one of its own number.
fn geometry_for(sectors: u64) -> Geometry {
    let fits = |sectors: &u64| Geometry::of_sectors(*sectors).sectors() == *sectors;
    let sectors = (sectors..).find(fits).expect("the largest geometry is its own");
    Geometry::of_sectors(sectors)
}

fn footer(size: u64, geometry: Geometry, time: u64, sha256: &[u8; 32]) -> [u8; FOOTER] {
    let mut footer = [0; FOOTER];
    let mut put = |at: usize, bytes: &[u8]| footer[at..at + bytes.len()].copy_from_slice(bytes);
    let time = u32::try_from(time.saturating_sub(EPOCH)).unwrap_or(u32::MAX);
    put(0, COOKIE);
    put(8, &2_u32.to_be_bytes());
    put(12, &0x0001_0000_u32.to_be_bytes());
    put(16, &u64::MAX.to_be_bytes());
    put(24, &time.to_be_bytes());
    put(28, b"inkp");
    put(32, &0x0001_0000_u32.to_be_bytes());
    put(36, b"Wi2k");
    put(40, &size.to_be_bytes());
    put(48, &size.to_be_bytes());
    put(56, &geometry.cylinders.to_be_bytes());
    put(58, &[geometry.heads, geometry.per_track]);
    put(60, &2_u32.to_be_bytes());
    put(68, &uuid(sha256));
    let sum = checksum(&footer, CHECKSUM_AT);
    footer[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
    footer
}

/// The same contents have the same identifier, as of version 8 of RFC 9562.
fn uuid(sha256: &[u8; 32]) -> [u8; 16] {
    let mut uuid = *sha256.first_chunk().expect("32 bytes have 16");
    let bytes: &mut [u8; 16] = &mut uuid;
    bytes[6] = (bytes[6] & 0x0F) | 0x80;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_geometry_say_the_same_and_hold_everything() {
        let every = 1_u64..20_000;
        let large = (1..290).map(|step| step * 900_001);
        for sectors in every.chain(large).chain([BYTES_MAX / SECTOR]) {
            let geometry = geometry_for(sectors);
            assert!(geometry.sectors() >= sectors, "{sectors}: {geometry:?}");
            assert!(geometry.sectors() < sectors + 5000, "{sectors}: {geometry:?}");
            assert_eq!(geometry, Geometry::of_sectors(geometry.sectors()), "{sectors}");
        }
    }

    #[test]
    fn the_contents_stand_first_and_zeros_behind() {
        let volume = Volume {
            label: String::new(),
            publisher: String::new(),
            time: EPOCH + 5,
            vfat_bytes: 0,
        };
        let disk = wrap(&Image::from_bytes(vec![7; 5000]), &volume).unwrap();
        let bytes = disk.to_vec();
        let (data, footer) = bytes.split_at(bytes.len() - FOOTER);
        assert!(data.len() as u64 >= BYTES_MIN);
        assert!(data[..5000].iter().all(|byte| *byte == 7));
        assert!(data[5000..].iter().all(|byte| *byte == 0));
        assert_eq!((&footer[..8], &footer[24..28]), (&COOKIE[..], &[0, 0, 0, 5][..]));
        let other = wrap(&Image::from_bytes(vec![8; 5000]), &volume).unwrap().to_vec();
        assert_ne!(footer[68..84], other[data.len()..][68..84]);
    }
}
