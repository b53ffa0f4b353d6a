//! What Rock Ridge says of a record.

use super::{
    super::fields::SECTOR,
    budget::Budget,
    descriptors::Volume,
    directory::{Directory, Records, le32, read_directory},
};
use crate::{EntryKind, ReadError, Source, drive::read_at};

/// Continuations of one record; Linux follows as many. It ends loops.
const CONTINUATIONS_MAX: usize = 32;

/// Bytes of a continuation: one sector, as for Linux.
const CONTINUATION_BYTES_MAX: u32 = 2048;

/// Bytes of a name. Longer ones fit no guest's directories.
const NAME_BYTES_MAX: usize = 255;

/// Bytes of an entry without what is in it.
const HEADER_LEN: usize = 4;

/// What the extension calls itself: as of 1991, 1994 and 1995.
const IDS: [&[u8]; 3] = [b"RRIP_1991A", b"IEEE_P1282", b"IEEE_1282"];

const NAME_GOES_ON: u8 = 1;
const NAME_IS_DOTS: u8 = 2 | 4;

const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// What is said of a record.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    pub(super) name: Option<String>,
    pub(super) kind: Option<EntryKind>,
    /// The block of the directory that this file stands for.
    pub(super) moved_to: Option<u32>,
    /// A directory that a record elsewhere stands for.
    pub(super) is_moved_here: bool,
    /// The bytes are not those of the file.
    pub(super) is_encoded: bool,
}

/// Whether there is Rock Ridge: the first record of the root says so. Answers how many bytes are
/// before its entries in every other record.
pub(super) fn find(
    source: &dyn Source,
    budget: &mut Budget,
    volume: &Volume,
) -> Result<Option<usize>, ReadError> {
    let first_sector = Directory { len: volume.root.len.min(SECTOR as u64), ..volume.root };
    let bytes = read_directory(source, budget, first_sector)?;
    let Some(own) =
        Records::new(&bytes, volume.block).next().transpose()?.filter(|record| record.is_dots())
    else {
        return Ok(None);
    };
    // On disks in the format of CD-ROM XA, its fields come first.
    const XA_LEN: usize = 14;
    let area = own.behind_name();
    let starts = |area: &[u8]| area.len() >= 7 && area.starts_with(b"SP\x07\x01\xbe\xef");
    let Some(start) =
        [0, XA_LEN].into_iter().find(|start| starts(area.get(*start..).unwrap_or_default()))
    else {
        return Ok(None);
    };
    let skipped = usize::from(area[start + 6]);
    let mut is_rock_ridge = false;
    each(source, budget, volume.block, &area[start..], |tag, body| {
        let id_len = usize::from(body.first().copied().unwrap_or_default());
        let id = body.get(4..4 + id_len).unwrap_or_default();
        is_rock_ridge |= tag == b"ER" && IDS.contains(&id);
        Ok(())
    })?;
    Ok(is_rock_ridge.then_some(skipped))
}

/// What is said in `area`, which is behind the name of a record.
pub(super) fn read(
    source: &dyn Source,
    budget: &mut Budget,
    block: u64,
    area: &[u8],
    skipped: usize,
) -> Result<Attributes, ReadError> {
    let mut attributes = Attributes::default();
    let mut name = Vec::new();
    let mut is_whole = false;
    each(source, budget, block, area.get(skipped..).unwrap_or_default(), |tag, body| {
        match tag {
            b"NM" => {
                let (flags, part) = body.split_first().ok_or_else(damaged)?;
                if flags & NAME_IS_DOTS != 0 || name.len() + part.len() > NAME_BYTES_MAX {
                    return Err(damaged());
                }
                if !is_whole {
                    name.extend_from_slice(part);
                    is_whole = flags & NAME_GOES_ON == 0;
                }
            }
            b"PX" if body.len() >= 8 => {
                attributes.kind = Some(match le32(body, 0) & TYPE {
                    REGULAR => EntryKind::File,
                    DIRECTORY => EntryKind::Directory,
                    LINK => EntryKind::Symlink,
                    _ => EntryKind::Special,
                });
            }
            b"SL" => attributes.kind = Some(EntryKind::Symlink),
            b"PN" => attributes.kind = Some(EntryKind::Special),
            b"CL" if body.len() >= 8 => attributes.moved_to = Some(le32(body, 0)),
            b"PX" | b"CL" => return Err(damaged()),
            b"RE" => attributes.is_moved_here = true,
            b"ZF" | b"SF" => attributes.is_encoded = true,
            _ => {}
        }
        Ok(())
    })?;
    if !name.is_empty() {
        attributes.name = Some(String::from_utf8_lossy(&name).into_owned());
    }
    Ok(attributes)
}

/// Goes through the entries of an area and its continuations.
fn each(
    source: &dyn Source,
    budget: &mut Budget,
    block: u64,
    area: &[u8],
    mut visit: impl FnMut(&[u8; 2], &[u8]) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut area = area.to_vec();
    for _continuation in 0..=CONTINUATIONS_MAX {
        let mut next = None;
        let mut rest = area.as_slice();
        // Less than a header is what fills the record up.
        while let [one, two, len, _version, ..] = rest
            && (*one, *two) != (0, 0)
        {
            let entry = rest.get(HEADER_LEN..usize::from(*len)).ok_or_else(damaged)?;
            match &[*one, *two] {
                b"ST" => return Ok(()),
                b"CE" if entry.len() >= 24 => {
                    next = Some((le32(entry, 0), le32(entry, 8), le32(entry, 16)));
                }
                tag => visit(tag, entry)?,
            }
            rest = &rest[usize::from(*len)..];
        }
        let Some((at, offset, len)) = next else { return Ok(()) };
        if len > CONTINUATION_BYTES_MAX {
            return Err(damaged());
        }
        budget.spend(len.into())?;
        area = vec![0; usize::try_from(len).expect("a sector fits")];
        let at = u64::from(at) * block + u64::from(offset);
        read_at(source, &mut area, at, "the rest of a record")?;
    }
    let what = "what a record says goes on without end".to_owned();
    Err(ReadError::Damaged { what })
}

fn damaged() -> ReadError {
    let what = "what Rock Ridge says of a record does not fit into it".to_owned();
    ReadError::Damaged { what }
}
