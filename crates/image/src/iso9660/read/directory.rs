//! The records of one directory.

use super::{
    super::fields::SECTOR,
    budget::Budget,
    rock_ridge::{self, Attributes},
};
use crate::{EntryKind, ReadError, Source, drive::read_at};

/// Bytes of a directory. It takes all entries that are read of a whole drive in one directory,
/// with the longest records.
const DIRECTORY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of a record without its name.
const HEADER_LEN: usize = 33;

const IS_DIRECTORY: u8 = 0x02;
/// Belongs to another file, as the resources of a Macintosh; Linux does not show it either.
const IS_ASSOCIATED: u8 = 0x04;
const GOES_ON: u8 = 0x80;

/// Which names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Those of Rock Ridge, which begin so many bytes behind the plain name.
    RockRidge {
        /// For other systems' fields.
        skipped: usize,
    },
    Joliet,
    Plain,
}

/// A directory's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory {
    pub(super) place: u64,
    pub(super) len: u64,
}

/// Something in a directory.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) kind: EntryKind,
    pub(super) place: u64,
    pub(super) len: u64,
    /// Rock Ridge moved the directory, so that its record is not here and its length unknown.
    is_moved: bool,
}

impl Found {
    /// The directory that this is.
    pub(super) fn directory(
        &self,
        source: &dyn Source,
        block: u64,
    ) -> Result<Directory, ReadError> {
        if !self.is_moved {
            return Ok(Directory { place: self.place, len: self.len });
        }
        let mut own = [0; HEADER_LEN];
        read_at(source, &mut own, self.place, "a directory")?;
        let place = u64::from(le32(&own, 2)) * block;
        if place != self.place {
            return Err(damaged(&self.name, "is a directory elsewhere, where none is"));
        }
        Ok(Directory { place, len: le32(&own, 10).into() })
    }
}

/// What is in a directory, but for itself and its parent.
pub(super) fn list(
    source: &dyn Source,
    budget: &mut Budget,
    names: Names,
    block: u64,
    directory: Directory,
) -> Result<Vec<Found>, ReadError> {
    let bytes = read_directory(source, budget, directory)?;
    let mut list = Vec::new();
    let mut open: Option<Found> = None;
    for record in Records::new(&bytes, block) {
        let record = record?;
        if record.is_dots() || record.flags() & IS_ASSOCIATED != 0 {
            continue;
        }
        let attributes = match names {
            Names::RockRidge { skipped } => {
                rock_ridge::read(source, budget, block, record.behind_name(), skipped)?
            }
            Names::Joliet | Names::Plain => Attributes::default(),
        };
        if attributes.is_moved_here {
            continue;
        }
        let found = record.found(names, block, attributes)?;
        let found = match open.take() {
            Some(begun) => joined(begun, &found, block)?,
            None => found,
        };
        if record.flags() & GOES_ON != 0 {
            open = Some(found);
        } else {
            list.push(found);
        }
    }
    match open {
        Some(begun) => Err(damaged(&begun.name, "goes on in a record that is not there")),
        None => Ok(list),
    }
}

/// A directory's bytes as they are.
pub(super) fn read_directory(
    source: &dyn Source,
    budget: &mut Budget,
    directory: Directory,
) -> Result<Vec<u8>, ReadError> {
    if directory.len > DIRECTORY_BYTES_MAX {
        let what = "a directory of too many bytes";
        return Err(ReadError::TooMuch { what, limit: DIRECTORY_BYTES_MAX });
    }
    budget.spend(directory.len)?;
    let mut bytes = vec![0; usize::try_from(directory.len).expect("4 MiB fit")];
    read_at(source, &mut bytes, directory.place, "a directory")?;
    Ok(bytes)
}

/// A record with its name and what is behind it.
#[derive(Clone, Copy)]
pub(super) struct Record<'a>(&'a [u8]);

/// The records of a directory, from some place on.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    block: usize,
}

impl<'a> Records<'a> {
    /// Those of a directory's bytes.
    pub(super) fn new(bytes: &'a [u8], block: u64) -> Self {
        Self { bytes, at: 0, block: usize::try_from(block).unwrap_or(SECTOR) }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // The rest of a block is zeros where the next record did not fit.
        while *self.bytes.get(self.at)? == 0 {
            self.at = (self.at + 1).next_multiple_of(self.block);
        }
        let len = usize::from(self.bytes[self.at]);
        let record = self.bytes.get(self.at..self.at + len).filter(|record| {
            let name = record.get(HEADER_LEN - 1).copied().unwrap_or_default();
            name > 0 && HEADER_LEN + usize::from(name) <= len
        });
        self.at += len;
        if record.is_none() {
            self.at = self.bytes.len();
        }
        let what = || "a record in a directory does not fit into it".to_owned();
        Some(record.map(Record).ok_or_else(|| ReadError::Damaged { what: what() }))
    }
}

impl<'a> Record<'a> {
    /// Whether it is the directory itself or its parent.
    pub(super) fn is_dots(self) -> bool {
        matches!(self.name(), [0 | 1])
    }

    /// What other systems put behind the name.
    pub(super) fn behind_name(self) -> &'a [u8] {
        let end = (HEADER_LEN + self.name().len()).next_multiple_of(2);
        self.0.get(end..).unwrap_or_default()
    }

    fn name(self) -> &'a [u8] {
        &self.0[HEADER_LEN..HEADER_LEN + usize::from(self.0[HEADER_LEN - 1])]
    }

    fn flags(self) -> u8 {
        self.0[25]
    }

    fn found(self, names: Names, block: u64, attributes: Attributes) -> Result<Found, ReadError> {
        let name = match (names, attributes.name) {
            (Names::RockRidge { .. }, Some(name)) => name,
            (Names::Joliet, _) => without_version(&joliet_text(self.name())).to_owned(),
            (Names::Plain | Names::RockRidge { .. }, _) => {
                let name = String::from_utf8_lossy(self.name()).to_ascii_lowercase();
                let name = without_version(&name);
                name.strip_suffix('.').unwrap_or(name).to_owned()
            }
        };
        // A name becomes part of a path, and paths are printed.
        let is_path = matches!(&*name, "" | "." | "..") || name.contains('/');
        if is_path || name.chars().any(char::is_control) {
            return Err(damaged(&name, "cannot be a name in a directory"));
        }
        if self.0[26] != 0 || self.0[27] != 0 {
            return Err(damaged(&name, "is interleaved with others, which is not read"));
        }
        if attributes.is_encoded {
            return Err(damaged(&name, "is compressed or sparse, which is not read"));
        }
        let kind = match (self.flags() & IS_DIRECTORY != 0, attributes.kind) {
            _ if attributes.moved_to.is_some() => EntryKind::Directory,
            (true, None | Some(EntryKind::Directory)) => EntryKind::Directory,
            (false, kind) if kind != Some(EntryKind::Directory) => kind.unwrap_or(EntryKind::File),
            _ => return Err(damaged(&name, "is said to be a directory, and not to be one")),
        };
        let blocks = u64::from(le32(self.0, 2)) + u64::from(self.0[1]);
        let blocks = attributes.moved_to.map_or(blocks, u64::from);
        let is_moved = attributes.moved_to.is_some();
        Ok(Found { name, kind, place: blocks * block, len: le32(self.0, 10).into(), is_moved })
    }
}

/// A file of more than one record: every record has a part of it.
fn joined(begun: Found, next: &Found, block: u64) -> Result<Found, ReadError> {
    let end = begun.place + begun.len;
    let is_one = begun.name == next.name
        && (begun.kind, next.kind) == (EntryKind::File, EntryKind::File)
        && begun.len.is_multiple_of(block);
    if !is_one {
        return Err(damaged(&begun.name, "goes on in a record that is not there"));
    }
    if end != next.place {
        return Err(damaged(&begun.name, "is in pieces at several places, which is not read"));
    }
    Ok(Found { len: begun.len + next.len, ..begun })
}

/// Text of a Joliet tree.
pub(super) fn joliet_text(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A number in little-endian order, as Linux reads those in both orders.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn without_version(name: &str) -> &str {
    let version = name.rsplit_once(';').filter(|(_, version)| {
        !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
    });
    version.map_or(name, |(name, _)| name)
}

fn damaged(name: &str, what: &str) -> ReadError {
    ReadError::Damaged { what: format!("\"{}\" {what}", name.escape_debug()) }
}
