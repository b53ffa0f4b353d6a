//! A FAT volume made of a tree.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{
    boot::{self, MEDIA},
    geometry::{Geometry, ROOT_ENTRIES, SECTOR, Width},
    names::{ShortName, UNITS_PER_ENTRY},
    plan::{Plan, Target, refused},
    time::FatTime,
};
use crate::{BuildError, Format, Image, Tree, Volume};

/// Bytes of a directory's entry.
const SLOT: usize = 32;

const IS_LABEL: u8 = 0x08;
const IS_DIRECTORY: u8 = 0x10;
const IS_FILE: u8 = 0x20;
const IS_LONG_NAME: u8 = 0x0F;

/// In the number of the entry with a long name's end.
const LAST_OF_LONG_NAME: u8 = 0x40;

/// Makes a volume of `volume.vfat_bytes` bytes without a partition table, as Nova's is.
pub(crate) fn write(tree: &Tree, volume: &Volume) -> Result<Image, BuildError> {
    let geometry = Geometry::of_size(volume.vfat_bytes)?;
    let plan = Plan::of(tree)?;
    check_root(&geometry, &plan)?;
    let time = FatTime::from_unix(volume.time);
    let writer = Writer { geometry, time, places: Places::of(&plan, &geometry)? };
    let mut parts = writer.head(volume, serial(tree, volume));
    for (number, first) in writer.places.directories.iter().enumerate() {
        let bytes = writer.directory(number, &plan, &volume.label);
        let offset = match first {
            0 => geometry.root_offset(),
            cluster => geometry.cluster_offset(*cluster),
        };
        parts.push((offset, bytes.into()));
    }
    for (contents, cluster) in plan.files.iter().zip(&writer.places.files) {
        if *cluster != 0 {
            parts.push((geometry.cluster_offset(*cluster), Bytes::clone(contents)));
        }
    }
    Ok(Image::new(volume.vfat_bytes, parts))
}

/// The first cluster of everything; 0 is none, and the root that is no chain.
struct Places {
    directories: Vec<u32>,
    files: Vec<u32>,
    /// The lengths of all chains in their order, from cluster 2 on.
    chains: Vec<u32>,
    used: u32,
}

impl Places {
    /// One chain after the other, directories first, without gaps.
    fn of(plan: &Plan<'_>, geometry: &Geometry) -> Result<Self, BuildError> {
        let cluster_bytes = u64::from(geometry.cluster_bytes());
        let clusters = |bytes: usize| (bytes as u64).div_ceil(cluster_bytes);
        let has_fixed_root = geometry.width != Width::Fat32;
        let directories = plan.directories.iter().enumerate();
        let directories = directories.map(|(number, directory)| {
            if has_fixed_root && number == 0 { 0 } else { clusters(directory.slots * SLOT) }
        });
        let files = plan.files.iter().map(|contents| clusters(contents.len()));
        let counts: Vec<u64> = directories.chain(files).collect();
        let needed: u64 = counts.iter().sum();
        let too_large = |needed, room| BuildError::TooLarge { format: Format::Vfat, needed, room };
        if needed > u64::from(geometry.clusters) {
            let room = u64::from(geometry.clusters) * cluster_bytes;
            return Err(too_large(needed * cluster_bytes, room));
        }
        if let Some(large) = plan.files.iter().find(|file| u32::try_from(file.len()).is_err()) {
            return Err(too_large(large.len() as u64, u64::from(u32::MAX)));
        }
        let mut places =
            Self { directories: Vec::new(), files: Vec::new(), chains: Vec::new(), used: 0 };
        for (number, count) in counts.into_iter().enumerate() {
            let count = u32::try_from(count).expect("less than the clusters of the volume");
            let first = if count == 0 { 0 } else { places.used + 2 };
            if number < plan.directories.len() {
                places.directories.push(first);
            } else {
                places.files.push(first);
            }
            places.chains.push(count);
            places.used += count;
        }
        Ok(places)
    }

    /// One table, up to the last entry in use.
    fn table(&self, width: Width) -> Vec<u8> {
        let end = width.end_of_chain();
        let media = (end & !0xFF) | u32::from(MEDIA);
        let chains = self.chains.iter().scan(2, |next, count| {
            let chain = *next..*next + count;
            *next = chain.end;
            Some(chain)
        });
        let links = chains.flat_map(|chain| {
            let last = chain.end - 1;
            chain.map(move |cluster| if cluster == last { end } else { cluster + 1 })
        });
        packed(width, [media, end].into_iter().chain(links))
    }
}

struct Writer {
    geometry: Geometry,
    time: FatTime,
    places: Places,
}

impl Writer {
    /// The boot sector and both tables.
    fn head(&self, volume: &Volume, serial: u32) -> Vec<(u64, Bytes)> {
        let geometry = &self.geometry;
        let boot = boot::sectors(geometry, &volume.label, serial, self.places.used);
        let table = Bytes::from(self.places.table(geometry.width));
        let sector = |number: u32| u64::from(number) * u64::from(SECTOR);
        let copies = [geometry.reserved, geometry.reserved + geometry.table];
        let tables = copies.map(|at| (sector(at), Bytes::clone(&table)));
        [(0, boot.into())].into_iter().chain(tables).collect()
    }

    /// The entries of one directory; the root begins with the label, others with their dots.
    fn directory(&self, number: usize, plan: &Plan<'_>, label: &str) -> Vec<u8> {
        let directory = &plan.directories[number];
        let mut bytes = Vec::with_capacity(directory.slots * SLOT);
        if number == 0 {
            bytes.extend(self.slot(&ShortName::label(label), IS_LABEL, 0, 0));
        } else {
            // The root is named 0 even where it is a chain.
            let root = directory.parent == 0;
            let above = if root { 0 } else { self.places.directories[directory.parent] };
            let own = self.places.directories[number];
            bytes.extend(self.slot(&ShortName::dots(1), IS_DIRECTORY, own, 0));
            bytes.extend(self.slot(&ShortName::dots(2), IS_DIRECTORY, above, 0));
        }
        for child in &directory.children {
            if child.short.is_alias {
                long_name(child.name, child.short.checksum(), &mut bytes);
            }
            let (attributes, place, len) = match child.target {
                Target::Directory(number) => (IS_DIRECTORY, self.places.directories[number], 0),
                Target::File(number) => {
                    let len = u32::try_from(plan.files[number].len());
                    (IS_FILE, self.places.files[number], len.expect("checked with the places"))
                }
            };
            bytes.extend(self.slot(&child.short, attributes, place, len));
        }
        bytes
    }

    fn slot(&self, name: &ShortName, attributes: u8, place: u32, len: u32) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        let [low_0, low_1, high_0, high_1] = place.to_le_bytes();
        let FatTime { date, time } = self.time;
        let (date, time) = (date.to_le_bytes(), time.to_le_bytes());
        let mut put = |at: usize, bytes: &[u8]| slot[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &name.bytes);
        put(11, &[attributes]);
        put(14, &[time, date, date].concat());
        put(20, &[high_0, high_1]);
        put(22, &[time, date].concat());
        put(26, &[low_0, low_1]);
        put(28, &len.to_le_bytes());
        slot
    }
}

/// The entries of a long name: its end comes first.
fn long_name(name: &str, checksum: u8, bytes: &mut Vec<u8>) {
    let units: Vec<u16> = name.encode_utf16().collect();
    let mut is_last = LAST_OF_LONG_NAME;
    for (at, units) in units.chunks(UNITS_PER_ENTRY).enumerate().rev() {
        let order = u8::try_from(at + 1).expect("255 units have 20 entries");
        // Ended by a zero where there is room for one, then filled with ones.
        let padded = units.iter().copied().chain([0]).chain(std::iter::repeat(0xFFFF));
        let text: Vec<u8> = padded.take(UNITS_PER_ENTRY).flat_map(u16::to_le_bytes).collect();
        bytes.push(order | is_last);
        bytes.extend(&text[..10]);
        bytes.extend([IS_LONG_NAME, 0, checksum]);
        bytes.extend(&text[10..22]);
        bytes.extend([0, 0]);
        bytes.extend(&text[22..]);
        is_last = 0;
    }
}

/// Entries of a table as its bytes.
fn packed(width: Width, entries: impl Iterator<Item = u32>) -> Vec<u8> {
    if width != Width::Fat12 {
        let bytes = width.bits() as usize / 8;
        return entries.flat_map(|entry| entry.to_le_bytes().into_iter().take(bytes)).collect();
    }
    let mut entries = entries;
    let mut bytes = Vec::new();
    while let Some(first) = entries.next() {
        let two = first | (entries.next().unwrap_or(0) << 12);
        bytes.extend_from_slice(&two.to_le_bytes()[..3]);
    }
    bytes
}

/// The root directory of FAT12 and FAT16 does not grow.
fn check_root(geometry: &Geometry, plan: &Plan<'_>) -> Result<(), BuildError> {
    let root = &plan.directories[0];
    let is_fixed = geometry.width != Width::Fat32;
    match root.children.last() {
        Some(last) if is_fixed && root.slots > ROOT_ENTRIES as usize => Err(refused(
            last.name,
            "there are too many names at the top; put the files into directories",
        )),
        _ => Ok(()),
    }
}

/// A number that tells volumes apart, from everything that is on them.
fn serial(tree: &Tree, volume: &Volume) -> u32 {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(volume.label.as_bytes());
    add(&volume.time.to_le_bytes());
    for (path, contents) in tree.files() {
        add(path.as_bytes());
        add(contents);
    }
    let [one, two, three, four, ..]: [u8; 32] = hash.finalize().into();
    u32::from_le_bytes([one, two, three, four])
}
