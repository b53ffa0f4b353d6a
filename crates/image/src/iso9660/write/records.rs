//! Directories and path tables.

use super::{
    super::fields::{Pen, SECTOR, Time, both16, both32},
    hierarchy::Hierarchy,
    rock_ridge,
};

/// Bytes of a directory record without its name.
const HEADER_LEN: usize = 33;

/// Bytes of a record whose name is one byte: `.`, `..` and the root in its descriptor.
pub(super) const DOT_LEN: usize = 34;

const IS_DIRECTORY: u8 = 2;

/// Where a file or directory is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) sector: usize,
    /// Bytes.
    pub(super) len: usize,
}

/// The order of the bytes of a path table: there is one of each.
#[derive(Debug, Clone, Copy)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// Bytes of a record with a name of `name` bytes, before Rock Ridge.
pub(super) const fn record_len(name: usize) -> usize {
    (HEADER_LEN + name).next_multiple_of(2)
}

/// Where the next record of `len` bytes is: at `at` or in the next sector, never in two.
pub(super) const fn fits_behind(at: usize, len: usize) -> usize {
    if at % SECTOR + len > SECTOR { at.next_multiple_of(SECTOR) } else { at }
}

/// Bytes of the path table of a tree.
pub(super) fn path_table_len(tree: &Hierarchy<'_, '_>) -> usize {
    tree.directories.iter().map(|node| 8 + table_name(tree, *node).len().next_multiple_of(2)).sum()
}

/// Writes a path table.
pub(super) fn write_path_table(pen: &mut Pen<'_>, tree: &Hierarchy<'_, '_>, order: ByteOrder) {
    for (node, start) in tree.directories.iter().zip(&tree.starts) {
        let name = table_name(tree, *node);
        let parent = tree.numbers[tree.nodes.node(*node).parent] + 1;
        let parent = u16::try_from(parent).expect("directories were counted");
        pen.put(&[small(name.len()), 0]);
        match order {
            ByteOrder::Little => {
                pen.put(&number(*start).to_le_bytes());
                pen.put(&parent.to_le_bytes());
            }
            ByteOrder::Big => {
                pen.put(&number(*start).to_be_bytes());
                pen.put(&parent.to_be_bytes());
            }
        }
        pen.put(name);
        pen.skip(name.len() % 2);
    }
}

/// The record of the root in a volume descriptor.
pub(super) fn write_root(pen: &mut Pen<'_>, tree: &Hierarchy<'_, '_>, time: Time) {
    write_record(pen, DOT_LEN, directory(tree, 0), true, time.short());
    pen.put(&[1, 0]);
}

/// Writes every directory of a tree. `files` are the places of the contents.
pub(super) fn write_directories(
    pen: &mut Pen<'_>,
    tree: &Hierarchy<'_, '_>,
    files: &[Extent],
    time: Time,
) {
    let time = time.short();
    for (index, node) in tree.directories.iter().enumerate() {
        let start = tree.starts[index] * SECTOR;
        let mut rock_ridge = tree.has_rock_ridge().then(|| rock_ridge::Writer {
            time,
            area: tree.starts[index] + tree.lens[index] / SECTOR,
            continuations: rock_ridge::Continuations::default(),
        });
        pen.move_to(start);
        let mut at = start + write_dots(pen, tree, *node, time, rock_ridge.as_mut());
        for child in tree.within(*node) {
            let len = tree.record_len(*child);
            at = fits_behind(at, len);
            pen.move_to(at);
            let (name, version) = (tree.name(*child), tree.version(*child));
            let node = tree.nodes.node(*child);
            let place = node.contents.map_or_else(|| directory(tree, *child), |index| files[index]);
            write_record(pen, len, place, node.contents.is_none(), time);
            pen.put(&[small(name.len() + version.len())]);
            pen.put(name);
            pen.put(version);
            if let Some(rock_ridge) = &mut rock_ridge {
                let record = record_len(name.len() + version.len());
                pen.move_to(at + record);
                let kind = (node.contents.is_none(), node.links);
                rock_ridge.behind(pen, record, node.name, kind);
            }
            at += len;
        }
    }
}

/// Writes `.` and `..`; answers their bytes.
fn write_dots(
    pen: &mut Pen<'_>,
    tree: &Hierarchy<'_, '_>,
    node: usize,
    time: [u8; 7],
    rock_ridge: Option<&mut rock_ridge::Writer>,
) -> usize {
    let at = pen.at();
    let (own_len, parent_len) = tree.dots_len(node);
    let own = tree.nodes.node(node);
    write_record(pen, own_len, directory(tree, node), true, time);
    pen.put(&[1, 0]);
    let behind_own = pen.at();
    pen.move_to(at + own_len);
    write_record(pen, parent_len, directory(tree, own.parent), true, time);
    pen.put(&[1, 1]);
    if let Some(rock_ridge) = rock_ridge {
        rock_ridge.dots(pen, tree.nodes.node(own.parent).links);
        pen.move_to(behind_own);
        if node == 0 {
            rock_ridge.root(pen, own.links);
        } else {
            rock_ridge.dots(pen, own.links);
        }
    }
    own_len + parent_len
}

/// What a record says before its name.
#[inline]
fn write_record(pen: &mut Pen<'_>, len: usize, place: Extent, is_directory: bool, time: [u8; 7]) {
    let mut record = [0; HEADER_LEN - 1];
    record[0] = small(len);
    record[2..10].copy_from_slice(&both32(number(place.sector)));
    record[10..18].copy_from_slice(&both32(number(place.len)));
    record[18..25].copy_from_slice(&time);
    record[25] = if is_directory { IS_DIRECTORY } else { 0 };
    record[28..32].copy_from_slice(&both16(1)); // The first volume.
    pen.put(&record);
}

fn directory(tree: &Hierarchy<'_, '_>, node: usize) -> Extent {
    let index = tree.numbers[node];
    Extent { sector: tree.starts[index], len: tree.lens[index] }
}

/// The root has a name of one zero.
fn table_name<'t>(tree: &'t Hierarchy<'_, '_>, node: usize) -> &'t [u8] {
    if node == 0 { &[0] } else { tree.name(node) }
}

fn small(len: usize) -> u8 {
    u8::try_from(len).expect("names are cut so that records have at most 254 bytes")
}

pub(super) fn number(number: usize) -> u32 {
    u32::try_from(number).expect("the layout was checked for 32 bits")
}
