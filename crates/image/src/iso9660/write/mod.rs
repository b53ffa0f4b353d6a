//! A tree to ISO 9660 with Rock Ridge and Joliet.
//!
//! The order on the image: descriptors, path tables, the directories of the plain tree (each one
//! with what Rock Ridge has no room for in it), those of Joliet, and the files.

mod descriptors;
mod hierarchy;
mod names;
mod nodes;
mod records;
mod rock_ridge;

use bytes::Bytes;

use self::{
    descriptors::{Description, write_descriptor, write_terminator},
    hierarchy::Hierarchy,
    names::Alphabet,
    nodes::Nodes,
    records::{ByteOrder, Extent, path_table_len, write_directories, write_path_table},
};
use super::fields::{Pen, SECTOR, Time};
use crate::{BuildError, Format, Image, Tree, Volume};

/// Sectors that are left to boot loaders.
const SYSTEM_SECTORS: usize = 16;

/// The sectors of the descriptors: the plain tree's, Joliet's, and the end.
const DESCRIPTORS: usize = 3;

/// The smallest image. busybox' `findfs` reads 68 KiB of a device before it believes in a file system
/// on it, and finds nothing on one that is smaller.
const SECTORS_MIN: usize = 64;

/// Contents of more bytes are not copied next to the others but are a part of the image.
const COPIED_MAX: usize = 64 * 1024;

/// Makes the image.
pub(crate) fn write(tree: &Tree, volume: &Volume) -> Result<Image, BuildError> {
    let nodes = Nodes::new(tree)?;
    let mut plain = Hierarchy::new(&nodes, Alphabet::Plain);
    let mut joliet = Hierarchy::new(&nodes, Alphabet::Joliet);
    let layout = Layout::new(&mut plain, &mut joliet)?;
    let mut bytes = vec![0; layout.copied_end * SECTOR];
    let time = Time::new(volume.time);
    let mut pen = Pen::new(&mut bytes, 0);
    for (index, tree) in [&plain, &joliet].into_iter().enumerate() {
        let tables = [layout.tables[2 * index], layout.tables[2 * index + 1]];
        let table_len = path_table_len(tree);
        let description = Description { volume, time, sectors: layout.sectors, table_len, tables };
        pen.move_to((SYSTEM_SECTORS + index) * SECTOR);
        write_descriptor(&mut pen, tree, &description);
        pen.move_to(tables[0] * SECTOR);
        write_path_table(&mut pen, tree, ByteOrder::Little);
        pen.move_to(tables[1] * SECTOR);
        write_path_table(&mut pen, tree, ByteOrder::Big);
        write_directories(&mut pen, tree, &layout.files, time);
    }
    pen.move_to((SYSTEM_SECTORS + DESCRIPTORS - 1) * SECTOR);
    write_terminator(&mut pen);
    let mut parts = Vec::new();
    for (contents, place) in nodes.contents().iter().zip(&layout.files) {
        if is_copied(contents) {
            pen.move_to(place.sector * SECTOR);
            pen.put(contents);
        } else {
            parts.push(((place.sector * SECTOR) as u64, Bytes::clone(contents)));
        }
    }
    // Boot loaders have nothing in here: a file has a hole in its place.
    let system = SYSTEM_SECTORS * SECTOR;
    parts.insert(0, (system as u64, Bytes::from(bytes).slice(system..)));
    Ok(Image::new((layout.sectors * SECTOR) as u64, parts))
}

/// Which sector has what.
struct Layout {
    /// The path tables: the plain tree's with little and with big numbers, then Joliet's.
    tables: [usize; 4],
    /// The places of the contents.
    files: Vec<Extent>,
    /// The first sector behind what is copied into one piece.
    copied_end: usize,
    /// All of them.
    sectors: usize,
}

impl Layout {
    /// Also tells the trees where their directories are.
    fn new(
        plain: &mut Hierarchy<'_, '_>,
        joliet: &mut Hierarchy<'_, '_>,
    ) -> Result<Self, BuildError> {
        let mut sector = SYSTEM_SECTORS + DESCRIPTORS;
        let table_lens = [&*plain, &*plain, &*joliet, &*joliet].map(path_table_len);
        let tables = table_lens.map(|len| {
            let start = sector;
            sector += len.div_ceil(SECTOR);
            start
        });
        sector = joliet.place(plain.place(sector));
        let contents = plain.nodes.contents();
        let mut files: Vec<_> =
            contents.iter().map(|bytes| Extent { sector: 0, len: bytes.len() }).collect();
        let mut copied_end = sector;
        for is_copied_now in [true, false] {
            for (bytes, place) in contents.iter().zip(&mut files) {
                if is_copied(bytes) == is_copied_now && !bytes.is_empty() {
                    place.sector = sector;
                    sector += bytes.len().div_ceil(SECTOR);
                }
            }
            if is_copied_now {
                copied_end = sector;
            }
        }
        let lens = files
            .iter()
            .map(|file| file.len)
            .chain([&*plain, &*joliet].into_iter().flat_map(|tree| tree.lens.iter().copied()));
        check(sector, lens)?;
        Ok(Self { tables, files, copied_end, sectors: sector.max(SECTORS_MIN) })
    }
}

const fn is_copied(contents: &Bytes) -> bool {
    contents.len() <= COPIED_MAX
}

/// Sectors and lengths are written with 32 bits.
fn check(sectors: usize, lens: impl Iterator<Item = usize>) -> Result<(), BuildError> {
    let longest = lens.chain([sectors]).max().unwrap_or_default();
    if u32::try_from(longest).is_ok() {
        return Ok(());
    }
    Err(BuildError::TooLarge {
        format: Format::Iso9660,
        needed: longest as u64,
        room: u64::from(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_never_smaller_than_what_busybox_reads() {
        let volume = Volume { label: "l".into(), publisher: String::new(), time: 0, vfat_bytes: 0 };
        let image = write(&Tree::new(), &volume).unwrap();
        assert_eq!(image.len(), (SECTORS_MIN * SECTOR) as u64);
        let bytes = image.to_vec();
        let told = &bytes[SYSTEM_SECTORS * SECTOR + 80..][..4];
        assert_eq!(told, u32::try_from(SECTORS_MIN).unwrap().to_le_bytes(), "the volume's sectors");
    }

    #[test]
    fn a_file_of_four_gigabytes_is_refused() {
        let volume = Volume { label: "l".into(), publisher: String::new(), time: 0, vfat_bytes: 0 };
        let refused = |len: u64| {
            let mut tree = Tree::new();
            // Zeros that nobody looks at take no memory.
            let zeros = vec![0; usize::try_from(len).unwrap()];
            tree.insert("file", zeros.into()).unwrap();
            write(&tree, &volume).err()
        };
        let (needed, room) = (u64::from(u32::MAX) + 1, u64::from(u32::MAX));
        let format = Format::Iso9660;
        assert_eq!(refused(needed), Some(BuildError::TooLarge { format, needed, room }));
        assert_eq!(refused(room), None);
    }
}
