//! Entries of a directory as they are found, with the names that guests see.

use super::{
    layout::{u16_at, u32_at},
    names::{UNITS_MAX, UNITS_PER_ENTRY, checksum},
};
use crate::ReadError;

/// Bytes of an entry.
pub(super) const SLOT: usize = 32;

const IS_LABEL: u8 = 0x08;
const IS_DIRECTORY: u8 = 0x10;
const IS_LONG_NAME: u8 = 0x0F;

/// The attributes that mean something; the upper two do not.
const ATTRIBUTES: u8 = 0x3F;

/// Windows writes names like `NAME.txt` and `name.TXT` as short names, with a note of the letters.
const BASE_IS_LOWER: u8 = 0x08;
const EXTENSION_IS_LOWER: u8 = 0x10;

/// Letters 128 to 255 of short names: code page 437, which mkfs.fat, mtools and Linux take.
const CODE_PAGE: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}";

/// What an entry is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordKind {
    Label,
    Directory,
    File,
}

/// One entry that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) kind: RecordKind,
    pub(super) first_cluster: u32,
    pub(super) len: u32,
}

/// What one slot of a directory comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing by itself.
    Skip,
    /// An entry.
    Found(Record),
    /// Nothing comes behind it.
    End,
}

/// Takes a directory's slots in their order.
#[derive(Debug, Default)]
pub(super) struct Records {
    long: Option<LongName>,
}

/// A long name whose short one is still to come.
#[derive(Debug)]
struct LongName {
    units: Vec<[u16; UNITS_PER_ENTRY]>,
    /// The number of the entry that came last; 1 is complete.
    order: u8,
    checksum: u8,
}

impl Records {
    /// Takes the next slot, of 32 bytes.
    pub(super) fn take(&mut self, slot: &[u8]) -> Result<Step, ReadError> {
        let attributes = slot[11] & ATTRIBUTES;
        match slot[0] {
            0 => return Ok(Step::End),
            0xE5 => {
                self.long = None;
                return Ok(Step::Skip);
            }
            _ if attributes == IS_LONG_NAME => {
                self.take_long(slot);
                return Ok(Step::Skip);
            }
            _ => {}
        }
        let long = self.long.take();
        let short: &[u8; 11] = slot.first_chunk().expect("a slot has 32 bytes");
        let is_dots = slot[0] == b'.' && short[2..].iter().all(|byte| *byte == b' ');
        let kind = match attributes {
            _ if attributes & IS_LABEL != 0 => RecordKind::Label,
            _ if attributes & IS_DIRECTORY == 0 => RecordKind::File,
            _ if is_dots => return Ok(Step::Skip),
            _ => RecordKind::Directory,
        };
        let name = match kind {
            RecordKind::Label => label(short),
            _ => long.and_then(|long| long.name_of(short)).unwrap_or_else(|| short_name(slot)),
        };
        if kind != RecordKind::Label {
            check(&name)?;
        }
        let high = u32::from(u16_at(slot, 20)) << 16;
        let first_cluster = high | u32::from(u16_at(slot, 26));
        Ok(Step::Found(Record { name, kind, first_cluster, len: u32_at(slot, 28) }))
    }

    fn take_long(&mut self, slot: &[u8]) {
        let (order, checksum) = (slot[0] & 0x3F, slot[13]);
        let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
        let units = places.map(|at| u16_at(slot, at));
        let entries_max = UNITS_MAX.div_ceil(UNITS_PER_ENTRY);
        if slot[0] & 0x40 != 0 {
            let fits = (1..=entries_max).contains(&usize::from(order));
            self.long = fits.then(|| LongName { units: vec![units], order, checksum });
            return;
        }
        self.long = self.long.take().and_then(|mut long| {
            let is_next = order > 0 && order + 1 == long.order && checksum == long.checksum;
            long.order = order;
            long.units.push(units);
            is_next.then_some(long)
        });
    }
}

impl LongName {
    /// The name, if it is complete and belongs to this short one.
    fn name_of(&self, short: &[u8; 11]) -> Option<String> {
        let units = self.units.iter().rev().flatten().copied();
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        let is_its = self.order == 1 && self.checksum == checksum(short);
        (is_its && (1..=UNITS_MAX).contains(&units.len())).then(|| String::from_utf16_lossy(&units))
    }
}

/// A label without the spaces behind it. `NO NAME` is how none is written.
pub(super) fn label(bytes: &[u8; 11]) -> String {
    match &bytes[..] {
        b"NO NAME    " => String::new(),
        bytes => text(bytes, false).trim_end_matches(['\0', ' ']).to_owned(),
    }
}

fn short_name(slot: &[u8]) -> String {
    let mut bytes = [0; 11];
    bytes.copy_from_slice(&slot[..11]);
    // As the first letter, the mark of what was deleted is written otherwise.
    if bytes[0] == 0x05 {
        bytes[0] = 0xE5;
    }
    let (base, extension) = bytes.split_at(8);
    let base = text(base, slot[12] & BASE_IS_LOWER != 0);
    let extension = text(extension, slot[12] & EXTENSION_IS_LOWER != 0);
    match (base.trim_end_matches(' '), extension.trim_end_matches(' ')) {
        (base, "") => base.to_owned(),
        (base, extension) => format!("{base}.{extension}"),
    }
}

fn text(bytes: &[u8], is_lower: bool) -> String {
    let letter = |byte: &u8| match byte.checked_sub(128) {
        Some(upper) => {
            CODE_PAGE.chars().nth(usize::from(upper)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        None if is_lower => char::from(byte.to_ascii_lowercase()),
        None => char::from(*byte),
    };
    bytes.iter().map(letter).collect()
}

/// A name becomes part of a path, and paths are printed.
fn check(name: &str) -> Result<(), ReadError> {
    let is_path = matches!(name, "" | "." | "..") || name.contains('/');
    if is_path || name.chars().any(char::is_control) {
        let what = format!("a directory has the name \"{}\"", name.escape_debug());
        return Err(ReadError::Damaged { what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &[u8; 11], attributes: u8, letters: u8) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        slot[..11].copy_from_slice(name);
        slot[11] = attributes;
        slot[12] = letters;
        slot
    }

    /// One entry of a long name, of at most thirteen characters.
    fn long(order: u8, checksum: u8, name: &str) -> [u8; SLOT] {
        let mut slot = [0xFF; SLOT];
        let units = name.encode_utf16().chain((name.len() < UNITS_PER_ENTRY).then_some(0));
        for (unit, at) in units.zip([1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]) {
            slot[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        (slot[0], slot[11], slot[12], slot[13]) = (order, IS_LONG_NAME, 0, checksum);
        (slot[26], slot[27]) = (0, 0);
        slot
    }

    fn names(slots: &[[u8; SLOT]]) -> Result<Vec<String>, ReadError> {
        let mut records = Records::default();
        let mut names = Vec::new();
        for slot in slots {
            match records.take(slot)? {
                Step::Found(record) => names.push(record.name),
                Step::Skip => {}
                Step::End => break,
            }
        }
        Ok(names)
    }

    #[test]
    fn short_names_have_the_letters_that_windows_noted() {
        let read = |name, letters| names(&[slot(name, 0x20, letters)]).unwrap().remove(0);
        assert_eq!(read(b"META    JSO", 0), "META.JSO");
        assert_eq!(read(b"META    JSO", 0x08), "meta.JSO");
        assert_eq!(read(b"META    JSO", 0x10), "META.jso");
        assert_eq!(read(b"LATEST     ", 0x18), "latest");
        assert_eq!(read(b"GR\x99\xE1E      ", 0), "GRÖßE");
        assert_eq!(read(b"\x05BC        ", 0), "σBC");
    }

    #[test]
    fn a_long_name_counts_only_whole_and_with_its_short_one() {
        let short = b"LONGNA~1   ";
        let sum = checksum(short);
        let (end, begin) = (long(0x42, sum, "of a file"), long(1, sum, "longname, yes"));
        let own = slot(short, 0x20, 0);
        let whole = [end, begin, own];
        assert_eq!(names(&whole).unwrap(), ["longname, yesof a file"]);
        let deleted = slot(b"\xE5ONGNA~1   ", 0x20, 0);
        let broken = [
            &[begin, own][..],
            &[end, own],
            &[end, begin, deleted, own],
            &[long(0x43, sum, "x"), begin, own],
            &[end, long(1, sum ^ 1, "longname, yes"), own],
            &[end, begin, slot(b"OTHER      ", 0x20, 0)],
            &[long(0x40, sum, "x"), own],
            &[long(0x7F, sum, "x"), own],
        ];
        for slots in broken {
            let name = names(slots).unwrap().remove(0);
            assert!(["LONGNA~1", "OTHER"].contains(&&*name), "{name}");
        }
    }

    #[test]
    fn names_that_would_leave_the_drive_are_damage() {
        let short = b"LONGNA~1   ";
        for bad in ["..", ".", "a/b", "a\nb", "\u{1b}[2J"] {
            let long = long(0x41, checksum(short), bad);
            assert!(names(&[long, slot(short, 0x20, 0)]).is_err(), "{bad:?}");
        }
        assert!(names(&[slot(b"A/B        ", 0x20, 0)]).is_err());
        assert!(names(&[slot(b"..         ", 0x20, 0)]).is_err(), "a file with a directory's dots");
        assert_eq!(names(&[slot(b"..         ", 0x10, 0)]).unwrap(), [""; 0]);
    }

    #[test]
    fn no_label_is_written_as_a_name_too() {
        assert_eq!(label(b"NO NAME    "), "");
        assert_eq!(label(b"config-2   "), "config-2");
        assert_eq!(label(b"           "), "");
    }
}
