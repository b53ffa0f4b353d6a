//! What Rock Ridge adds to the records of the plain tree: names, permissions, times.

use super::super::fields::{Pen, SECTOR, both32};

/// Bytes of a directory record at most: its length is one byte, and even.
pub(super) const RECORD_MAX: usize = 254;

const DIRECTORY_MODE: u32 = 0o040_555;
const FILE_MODE: u32 = 0o100_444;

const PERMISSIONS_LEN: u8 = 36;
const TIMES_LEN: u8 = 26;
const CONTINUATION_LEN: u8 = 28;
const SHARING_LEN: u8 = 7;
const NAME_HEADER_LEN: u8 = 5;
/// Bytes of a name in one entry, whose length is one byte.
const NAME_PART_MAX: usize = 250;
const NAME_GOES_ON: u8 = 1;
/// Modification, last access, change of attributes; as seven bytes each.
const TIMES: u8 = 0b1110;

const ID: &[u8; 10] = b"RRIP_1991A";
const DESCRIPTION: &[u8; 84] = b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR \
                                 POSIX FILE SYSTEM SEMANTICS";
const ORIGIN: &[u8; 135] = b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE \
                             PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT \
                             INFORMATION.";
const EXTENSION_LEN: usize = 8 + ID.len() + DESCRIPTION.len() + ORIGIN.len();

const FIXED_LEN: usize = PERMISSIONS_LEN as usize + TIMES_LEN as usize;

/// Bytes that a directory has behind its own records for `.` and `..`.
pub(super) const DOTS_LEN: usize = FIXED_LEN;

/// Bytes that the `.` of the root has: it also says that there is Rock Ridge.
pub(super) const ROOT_LEN: usize = SHARING_LEN as usize + FIXED_LEN + CONTINUATION_LEN as usize;

/// Where what the records of a directory have no room for goes: whole sectors right behind it,
/// because libarchive looks nowhere else. No piece lies across two sectors, because Linux does not
/// read those.
///
/// Made once to learn its length, and once more, alike, to write.
#[derive(Debug, Default)]
pub(super) struct Continuations {
    at: usize,
}

impl Continuations {
    pub(super) const fn sectors(&self) -> usize {
        self.at.div_ceil(SECTOR)
    }

    /// The place of the next piece.
    const fn claim(&mut self, len: usize) -> usize {
        if self.at % SECTOR + len > SECTOR {
            self.at = self.at.next_multiple_of(SECTOR);
        }
        let place = self.at;
        self.at += len;
        place
    }

    /// What the root's `.` puts here.
    pub(super) const fn claim_extension(&mut self) -> usize {
        self.claim(EXTENSION_LEN)
    }

    /// What a record of `record` bytes for a file or directory called `name` puts here.
    pub(super) const fn claim_name(&mut self, record: usize, name: &str) {
        if !fits(record, name) {
            self.claim(name_len(name));
        }
    }
}

/// Bytes behind a record of `record` bytes for a file or directory called `name`.
pub(super) const fn len_behind(record: usize, name: &str) -> usize {
    let name_len = if fits(record, name) {
        NAME_HEADER_LEN as usize + name.len()
    } else {
        CONTINUATION_LEN as usize
    };
    FIXED_LEN + name_len
}

/// Writes what is behind records.
pub(super) struct Writer {
    pub(super) time: [u8; 7],
    /// The first sector behind the directory.
    pub(super) area: usize,
    pub(super) continuations: Continuations,
}

impl Writer {
    /// What is behind the `.` of the root.
    pub(super) fn root(&mut self, pen: &mut Pen<'_>, links: u32) {
        header(pen, *b"SP", SHARING_LEN);
        pen.put(&[0xbe, 0xef, 0]);
        self.dots(pen, links);
        let place = self.continuations.claim_extension();
        self.continuation(pen, place, EXTENSION_LEN);
        let back = pen.at();
        pen.move_to(self.area * SECTOR + place);
        header(pen, *b"ER", small(EXTENSION_LEN));
        pen.put(&[small(ID.len()), small(DESCRIPTION.len()), small(ORIGIN.len()), 1]);
        pen.put(ID);
        pen.put(DESCRIPTION);
        pen.put(ORIGIN);
        pen.move_to(back);
    }

    /// What is behind a `.` or `..`.
    pub(super) fn dots(&self, pen: &mut Pen<'_>, links: u32) {
        self.attributes(pen, DIRECTORY_MODE, links);
    }

    /// What is behind a record of `record` bytes.
    pub(super) fn behind(
        &mut self,
        pen: &mut Pen<'_>,
        record: usize,
        name: &str,
        (is_directory, links): (bool, u32),
    ) {
        self.attributes(pen, if is_directory { DIRECTORY_MODE } else { FILE_MODE }, links);
        if fits(record, name) {
            return write_name(pen, name);
        }
        let len = name_len(name);
        let place = self.continuations.claim(len);
        self.continuation(pen, place, len);
        let back = pen.at();
        pen.move_to(self.area * SECTOR + place);
        write_name(pen, name);
        pen.move_to(back);
    }

    /// Permissions, with root as owner and group, and times.
    #[inline]
    fn attributes(&self, pen: &mut Pen<'_>, mode: u32, links: u32) {
        let mut fields = [0; FIXED_LEN];
        let (permissions, times) = fields.split_at_mut(PERMISSIONS_LEN.into());
        permissions[..4].copy_from_slice(&[b'P', b'X', PERMISSIONS_LEN, 1]);
        permissions[4..12].copy_from_slice(&both32(mode));
        permissions[12..20].copy_from_slice(&both32(links));
        times[..5].copy_from_slice(&[b'T', b'F', TIMES_LEN, 1, TIMES]);
        times[5..].chunks_exact_mut(7).for_each(|time| time.copy_from_slice(&self.time));
        pen.put(&fields);
    }

    fn continuation(&self, pen: &mut Pen<'_>, place: usize, len: usize) {
        let number = |number| u32::try_from(number).expect("the layout was checked for 32 bits");
        header(pen, *b"CE", CONTINUATION_LEN);
        pen.put(&both32(number(self.area + place / SECTOR)));
        pen.put(&both32(number(place % SECTOR)));
        pen.put(&both32(number(len)));
    }
}

fn header(pen: &mut Pen<'_>, tag: [u8; 2], len: u8) {
    pen.put(&[tag[0], tag[1], len, 1]);
}

const fn fits(record: usize, name: &str) -> bool {
    record + FIXED_LEN + NAME_HEADER_LEN as usize + name.len() <= RECORD_MAX
}

const fn name_len(name: &str) -> usize {
    name.len() + name.len().div_ceil(NAME_PART_MAX) * NAME_HEADER_LEN as usize
}

fn write_name(pen: &mut Pen<'_>, name: &str) {
    let parts = name.as_bytes().chunks(NAME_PART_MAX);
    let last = parts.len() - 1;
    for (index, part) in parts.enumerate() {
        header(pen, *b"NM", NAME_HEADER_LEN + small(part.len()));
        pen.put(&[if index < last { NAME_GOES_ON } else { 0 }]);
        pen.put(part);
    }
}

fn small(len: usize) -> u8 {
    u8::try_from(len).expect("parts of entries are cut to less than 256 bytes")
}
