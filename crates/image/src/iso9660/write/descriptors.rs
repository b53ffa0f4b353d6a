//! What an image says of itself: its volume descriptors.

use super::{
    super::fields::{Pen, Time, both16, both32},
    hierarchy::Hierarchy,
    names::Alphabet,
    records::{number, write_root},
};
use crate::Volume;

/// Level 3 of Joliet: UCS-2.
const JOLIET: &[u8; 3] = b"%/E";

/// The longest text.
const TEXT_MAX: usize = 128;
const SPACES: [u8; TEXT_MAX] = [b' '; TEXT_MAX];
const JOLIET_SPACES: [[u8; 2]; TEXT_MAX / 2] = [[0, b' ']; TEXT_MAX / 2];

/// Bytes of a block: a sector.
const BLOCK: u16 = 2048;

const SYSTEM: &str = "LINUX";

/// The program that made it.
const APPLICATION: &str = "INNKEEPER";

/// What a descriptor tells of the rest of the image.
pub(super) struct Description<'a> {
    pub(super) volume: &'a Volume,
    pub(super) time: Time,
    /// Sectors of the whole image.
    pub(super) sectors: usize,
    /// Bytes of a path table.
    pub(super) table_len: usize,
    /// The first sectors of the path tables: that of little and that of big numbers.
    pub(super) tables: [usize; 2],
}

/// Writes the descriptor of a tree.
pub(super) fn write_descriptor(
    pen: &mut Pen<'_>,
    tree: &Hierarchy<'_, '_>,
    description: &Description<'_>,
) {
    let Description { volume, time, sectors, table_len, tables } = description;
    let alphabet = tree.alphabet;
    let is_joliet = alphabet == Alphabet::Joliet;
    pen.put(&[if is_joliet { 2 } else { 1 }]);
    pen.put(b"CD001\x01\0");
    text(pen, alphabet, SYSTEM, 32);
    text(pen, alphabet, &volume.label, 32);
    pen.skip(8);
    pen.put(&both32(number(*sectors)));
    if is_joliet {
        pen.put(JOLIET);
        pen.skip(29);
    } else {
        pen.skip(32);
    }
    pen.put(&both16(1)); // One volume,
    pen.put(&both16(1)); // the first.
    pen.put(&both16(BLOCK));
    pen.put(&both32(number(*table_len)));
    pen.put(&number(tables[0]).to_le_bytes());
    pen.skip(4);
    pen.put(&number(tables[1]).to_be_bytes());
    pen.skip(4);
    write_root(pen, tree, *time);
    text(pen, alphabet, "", TEXT_MAX); // The set of volumes.
    text(pen, alphabet, &volume.publisher, TEXT_MAX);
    text(pen, alphabet, "", TEXT_MAX); // Who prepared the data.
    text(pen, alphabet, APPLICATION, TEXT_MAX);
    for _file in ["copyright", "abstract", "bibliography"] {
        text(pen, alphabet, "", 37);
    }
    pen.put(&time.long()); // Creation.
    pen.put(&time.long()); // Modification.
    pen.put(b"0000000000000000\0"); // Never to be thrown away.
    pen.put(&time.long()); // In use since.
    pen.put(&[1, 0]);
}

/// Ends the descriptors.
pub(super) fn write_terminator(pen: &mut Pen<'_>) {
    pen.put(b"\xffCD001\x01");
}

/// Text cut and filled with spaces to `len` bytes.
fn text(pen: &mut Pen<'_>, alphabet: Alphabet, text: &str, len: usize) {
    let end = pen.at() + len;
    match alphabet {
        Alphabet::Plain => {
            let printable = |one: char| one == ' ' || one.is_ascii_graphic();
            let one_byte = |one| if printable(one) { one } else { '_' };
            for character in text.chars().map(one_byte).take(len) {
                pen.put(&[u8::try_from(character).unwrap_or(b'_')]);
            }
            pen.put(&SPACES[..end - pen.at()]);
        }
        Alphabet::Joliet => {
            for character in text.chars().map(|one| if one.is_control() { '_' } else { one }) {
                if pen.at() + 2 * character.len_utf16() > end {
                    break;
                }
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units);
                units.iter().for_each(|unit| pen.put(&unit.to_be_bytes()));
            }
            let units = (end - pen.at()) / 2;
            pen.put(&JOLIET_SPACES.as_flattened()[..2 * units]);
            pen.move_to(end);
        }
    }
}
