//! A FAT volume, read.

use std::collections::HashSet;

use super::{
    chain::Chain,
    layout::{Layout, Root},
    names,
    records::{self, Record, RecordKind, Records, SLOT, Step},
};
use crate::{
    Entry, EntryKind, FileSystem, ReadError, Source,
    drive::read_at,
    limits::{DEPTH_MAX, ENTRIES_MAX, FILE_BYTES_MAX, PATH_BYTES_MAX},
};

/// Bytes of one directory: what Windows and Linux take at most, 65536 entries.
const DIRECTORY_BYTES_MAX: u64 = 65_536 * SLOT as u64;

/// Slots that are read for one answer. A name has at most twenty and its own, and a directory two
/// more; without this limit, directories that share one long chain would cost their product.
const SLOTS_MAX: u64 = 23 * ENTRIES_MAX as u64;

/// Bytes of a directory that are read at once. Most end within the first ones, and an image may
/// have thousands of directories in clusters of 256 KiB.
const BLOCK: u32 = 4096;

/// A FAT volume that was found.
#[derive(Debug)]
pub(crate) struct Reader {
    layout: Layout,
    label: String,
}

/// A directory's place: that of FAT12's and FAT16's root, or the first cluster.
#[derive(Debug, Clone, Copy)]
enum Place {
    Root,
    Cluster(u32),
}

impl Reader {
    /// Looks at the first sector, and at that of partitions. `None` unless everything in it is as
    /// on a FAT volume; an error only where a FAT volume is certain.
    pub(crate) fn probe(source: &dyn Source) -> Result<Option<Self>, ReadError> {
        let Some(layout) = Layout::probe(source)? else { return Ok(None) };
        let mut reader = Self { layout, label: records::label(&layout.label) };
        let mut slots = SLOTS_MAX;
        let mut found = None;
        reader.walk(source, Place::Root, &mut slots, |record| {
            found = (record.kind == RecordKind::Label).then_some(record.name);
            found.is_none()
        })?;
        if let Some(label) = found {
            reader.label = label;
        }
        Ok(Some(reader))
    }

    pub(crate) const fn file_system(&self) -> FileSystem {
        self.layout.width.file_system()
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Everything but the root; the drive sorts.
    pub(crate) fn entries(&self, source: &dyn Source) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::new();
        let mut slots = SLOTS_MAX;
        let mut seen = HashSet::new();
        if let Root::Chain { first } = self.layout.root {
            seen.insert(first);
        }
        let mut open = vec![(String::new(), 0, Place::Root)];
        while let Some((above, depth, place)) = open.pop() {
            for record in self.list(source, place, &mut slots)? {
                let entry = self.entry_below(&above, &record)?;
                if entries.len() == ENTRIES_MAX {
                    return Err(too_much("too many entries", ENTRIES_MAX as u64));
                }
                if entry.kind == EntryKind::Directory {
                    if depth + 1 == DEPTH_MAX {
                        return Err(too_much("directories in too many others", DEPTH_MAX as u64));
                    }
                    let first = self.first_cluster(&record);
                    if !seen.insert(first) {
                        let what =
                            format!("\"{}\" is a directory that is elsewhere too", entry.path);
                        return Err(ReadError::Damaged { what });
                    }
                    open.push((entry.path.clone(), depth + 1, Place::Cluster(first)));
                }
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// What is at `path`, in letters of either size where nothing has just these.
    pub(crate) fn find(&self, source: &dyn Source, path: &str) -> Result<Option<Entry>, ReadError> {
        let mut slots = SLOTS_MAX;
        let mut place = Some(Place::Root);
        let mut found: Option<Entry> = None;
        for segment in path.split('/') {
            let Some(directory) = place else { return Ok(None) };
            let records = self.list(source, directory, &mut slots)?;
            let exact = records.iter().find(|record| record.name == segment);
            let alike = || records.iter().find(|record| is_alike(&record.name, segment));
            let Some(record) = exact.or_else(alike) else { return Ok(None) };
            let above = found.map(|entry| entry.path).unwrap_or_default();
            found = Some(self.entry_below(&above, record)?);
            place = (record.kind == RecordKind::Directory)
                .then(|| Place::Cluster(self.first_cluster(record)));
        }
        Ok(found)
    }

    /// The contents of a file.
    pub(crate) fn read(&self, source: &dyn Source, file: &Entry) -> Result<Vec<u8>, ReadError> {
        if file.len > FILE_BYTES_MAX {
            return Err(too_much("a file of too many bytes", FILE_BYTES_MAX));
        }
        let ends_early =
            || ReadError::Damaged { what: format!("\"{}\" ends before its size", file.path) };
        let first = u32::try_from(file.place).map_err(|_out_of_range| ends_early())?;
        let len = usize::try_from(file.len).map_err(|_too_large| ends_early())?;
        let cluster_bytes = self.layout.cluster_bytes as usize;
        if file.len > self.layout.data_bytes() {
            return Err(ends_early());
        }
        let mut chain = Chain::new(source, &self.layout, first);
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let offset = chain.next_offset()?.ok_or_else(ends_early)?;
            let start = bytes.len();
            bytes.resize(len.min(start + cluster_bytes), 0);
            read_at(source, &mut bytes[start..], offset, "a file")?;
        }
        Ok(bytes)
    }

    /// The names in a directory, without label and dots.
    fn list(
        &self,
        source: &dyn Source,
        place: Place,
        slots: &mut u64,
    ) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        self.walk(source, place, slots, |record| {
            if record.kind != RecordKind::Label {
                records.push(record);
            }
            true
        })?;
        Ok(records)
    }

    /// Gives every entry of a directory to `visit` until that says `false`.
    fn walk(
        &self,
        source: &dyn Source,
        place: Place,
        slots: &mut u64,
        mut visit: impl FnMut(Record) -> bool,
    ) -> Result<(), ReadError> {
        let mut records = Records::default();
        let mut blocks = Blocks::of(source, &self.layout, place);
        while let Some(block) = blocks.next()? {
            for slot in block.chunks_exact(SLOT) {
                *slots = slots
                    .checked_sub(1)
                    .ok_or_else(|| too_much("directories of too many slots", SLOTS_MAX))?;
                match records.take(slot)? {
                    Step::Skip => {}
                    Step::End => return Ok(()),
                    Step::Found(record) => {
                        if !visit(record) {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn entry_below(&self, above: &str, record: &Record) -> Result<Entry, ReadError> {
        let path = match above {
            "" => record.name.clone(),
            above => format!("{above}/{}", record.name),
        };
        if path.len() > PATH_BYTES_MAX {
            return Err(too_much("a path of too many bytes", PATH_BYTES_MAX as u64));
        }
        let is_directory = record.kind == RecordKind::Directory;
        let kind = if is_directory { EntryKind::Directory } else { EntryKind::File };
        let len = if is_directory { 0 } else { u64::from(record.len) };
        Ok(Entry { path, kind, len, place: u64::from(self.first_cluster(record)) })
    }

    /// The upper half is FAT32's; others keep other things there.
    fn first_cluster(&self, record: &Record) -> u32 {
        match self.layout.root {
            Root::Chain { .. } => record.first_cluster,
            Root::Fixed { .. } => record.first_cluster & 0xFFFF,
        }
    }
}

/// A directory's bytes, some at a time.
enum Blocks<'a> {
    Fixed { source: &'a dyn Source, rest: Rest },
    Chain { source: &'a dyn Source, chain: Chain<'a>, cluster_bytes: u32, read: u64, rest: Rest },
}

/// What is still to be read of a cluster, or of the root that is none.
struct Rest {
    offset: u64,
    left: u32,
}

impl Rest {
    /// The place and the length of the next block.
    fn take(&mut self) -> (u64, u32) {
        let (at, len) = (self.offset, self.left.min(BLOCK));
        self.offset += u64::from(len);
        self.left -= len;
        (at, len)
    }
}

impl<'a> Blocks<'a> {
    fn of(source: &'a dyn Source, layout: &'a Layout, place: Place) -> Self {
        let first = match (place, layout.root) {
            (Place::Root, Root::Fixed { offset, len }) => {
                return Self::Fixed { source, rest: Rest { offset, left: len } };
            }
            (Place::Root, Root::Chain { first }) | (Place::Cluster(first), _) => first,
        };
        let chain = Chain::new(source, layout, first);
        let rest = Rest { offset: 0, left: 0 };
        Self::Chain { source, chain, cluster_bytes: layout.cluster_bytes, read: 0, rest }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let (source, (offset, len)) = match self {
            Self::Fixed { rest: Rest { left: 0, .. }, .. } => return Ok(None),
            Self::Fixed { source, rest } => (source, rest.take()),
            Self::Chain { source, chain, cluster_bytes, read, rest } => {
                if rest.left == 0 {
                    let Some(offset) = chain.next_offset()? else { return Ok(None) };
                    if *read >= DIRECTORY_BYTES_MAX {
                        return Err(too_much("a directory of too many bytes", DIRECTORY_BYTES_MAX));
                    }
                    *read += u64::from(*cluster_bytes);
                    *rest = Rest { offset, left: *cluster_bytes };
                }
                (source, rest.take())
            }
        };
        let mut block = vec![0; len as usize];
        read_at(*source, &mut block, offset, "a directory")?;
        Ok(Some(block))
    }
}

fn is_alike(name: &str, other: &str) -> bool {
    names::folded(name) == names::folded(other)
}

const fn too_much(what: &'static str, limit: u64) -> ReadError {
    ReadError::TooMuch { what, limit }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Drive, Format, Tree, Volume, build};

    /// Of an image of 1 MiB: the tables, the root directory, and the first cluster.
    const TABLE: usize = 512;
    const ROOT: usize = 13 * 512;
    const DATA: usize = 45 * 512;

    /// `d` is cluster 2, `d/e` 3, and the file below 4 to 7.
    fn image() -> Vec<u8> {
        let mut tree = Tree::new();
        tree.insert("d/e/file", Bytes::from(vec![7; 2000])).unwrap();
        made(&tree)
    }

    fn made(tree: &Tree) -> Vec<u8> {
        let (label, publisher) = ("config-2".to_owned(), String::new());
        let volume = Volume { label, publisher, time: 0, vfat_bytes: 1024 * 1024 };
        build(tree, Format::Vfat, &volume).unwrap().to_vec()
    }

    /// Makes a link of both tables.
    fn link(image: &mut [u8], from: usize, to: u16) {
        let at = TABLE + from + from / 2;
        let both = u16::from_le_bytes([image[at], image[at + 1]]);
        let both = if from.is_multiple_of(2) { both & 0xF000 | to } else { both & 0xF | (to << 4) };
        image[at..at + 2].copy_from_slice(&both.to_le_bytes());
    }

    fn damage(image: &[u8]) -> String {
        let drive = Drive::open(image).unwrap();
        let read = || {
            let entries = drive.entries()?;
            let mut files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
            files.try_for_each(|file| drive.read(file).map(drop))
        };
        read().map_err(|error| error.to_string()).unwrap_err()
    }

    #[test]
    fn chains_that_are_rings_or_leave_the_volume_are_damage() {
        assert_eq!(Drive::open(&image()[..]).unwrap().entries().unwrap().len(), 3);
        for (from, to, told) in [
            (5, 4, "comes back to cluster 4"),
            (5, 5, "comes back to cluster 5"),
            (5, 0, "goes to cluster 0"),
            (5, 2005, "goes to cluster 2005"),
            (5, 0xFF7, "goes to cluster 4087"),
            (5, 0xFFF, "ends before its size"),
        ] {
            let mut image = image();
            link(&mut image, from, to);
            assert!(damage(&image).contains(told), "{from} to {to}: {}", damage(&image));
        }
    }

    #[test]
    fn a_directory_in_itself_is_damage() {
        // The directory `e` is the second behind the dots and its long name.
        let entry = DATA + 3 * 32;
        let mut image = image();
        assert_eq!((&image[entry..entry + 2], image[entry + 26]), (&b"E "[..], 3));
        image[entry + 26] = 2;
        assert!(damage(&image).contains("elsewhere too"), "{}", damage(&image));
    }

    #[test]
    fn what_was_deleted_is_read_over_to_the_end_of_the_chain() {
        let mut image = image();
        // All clusters that there are, full of what was deleted.
        let clusters = 3..2005_u16;
        clusters.for_each(|cluster| link(&mut image, usize::from(cluster), cluster + 1));
        image[DATA + 512..].fill(0xE5);
        assert!(damage(&image).contains("goes to cluster 2005"), "{}", damage(&image));
    }

    #[test]
    fn directories_that_share_a_long_chain_do_not_cost_their_product() {
        let mut tree = Tree::new();
        ('a'..='j').for_each(|name| tree.insert(format!("{name}/x"), Bytes::new()).unwrap());
        let mut image = made(&tree);
        // The ten directories have the clusters 2 to 11.
        image[DATA..].fill(0xE5);
        (2..12).for_each(|cluster| link(&mut image, cluster, 12));
        (12..2004_u16).for_each(|cluster| link(&mut image, usize::from(cluster), cluster + 1));
        link(&mut image, 2004, 0xFFF);
        assert!(damage(&image).contains("slots"), "{}", damage(&image));
    }

    /// A file, and how much was read of it.
    struct Counting(std::fs::File, std::cell::Cell<usize>);

    impl Source for Counting {
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
            self.1.set(self.1.get() + buffer.len());
            Source::read_exact_at(&self.0, buffer, offset)
        }

        fn size(&self) -> std::io::Result<u64> {
            self.0.size()
        }
    }

    #[test]
    fn of_large_clusters_only_what_has_entries_is_read() {
        let mut tree = Tree::new();
        (0..100).for_each(|n| tree.insert(format!("{n}/x"), Bytes::new()).unwrap());
        let (label, publisher) = ("config-2".to_owned(), String::new());
        let volume = Volume { label, publisher, time: 0, vfat_bytes: 32 << 30 };
        let file = tempfile::tempfile().unwrap();
        build(&tree, Format::Vfat, &volume).unwrap().write_sparse(&file).unwrap();
        let source = Counting(file, std::cell::Cell::new(0));
        let drive = Drive::open(&source).unwrap();
        source.1.set(0);
        assert_eq!(drive.entries().unwrap().len(), 200);
        let read = source.1.get();
        assert!(read < 110 * BLOCK as usize, "{read} bytes of directories");
    }

    #[test]
    fn the_label_is_the_roots_and_else_the_boot_sectors() {
        let mut image = image();
        let label = |image: &[u8]| Drive::open(image).unwrap().label().to_owned();
        image[43..54].copy_from_slice(b"OTHER      ");
        assert_eq!(label(&image), "config-2");
        image[ROOT] = 0xE5;
        assert_eq!(label(&image), "OTHER");
        image[43..54].copy_from_slice(b"NO NAME    ");
        assert_eq!(label(&image), "");
    }

    #[test]
    fn sectors_that_only_look_alike_are_no_volume() {
        for (at, byte) in [(0, 0), (11, 1), (13, 3), (14, 0), (16, 0), (21, 0), (510, 0)] {
            let mut image = image();
            image[at] = byte;
            assert!(matches!(Drive::open(&image[..]), Err(ReadError::Unknown)), "{at}");
        }
    }
}
