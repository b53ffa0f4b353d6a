//! Volume descriptors: which trees there are.

use super::{
    super::fields::SECTOR,
    directory::{Directory, joliet_text, le32},
};
use crate::{ReadError, Source, drive::read_at};

/// Where they begin.
const FIRST_AT: u64 = 16 * SECTOR as u64;

/// How many are looked at. There are three or four; Linux gives up at 100.
const DESCRIPTORS_MAX: u64 = 100;

const MAGIC: &[u8; 5] = b"CD001";

/// The escape sequences of the three levels of Joliet.
const JOLIET_LEVELS: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];

/// One tree and what is said of it.
#[derive(Debug)]
pub(super) struct Volume {
    /// With the spaces behind it.
    label: String,
    pub(super) block: u64,
    pub(super) root: Directory,
}

/// The trees of an image.
#[derive(Debug)]
pub(super) struct Volumes {
    pub(super) plain: Volume,
    pub(super) joliet: Option<Volume>,
}

impl Volumes {
    pub(super) fn read(source: &dyn Source) -> Result<Option<Self>, ReadError> {
        const WHAT: &str = "the volume descriptors";
        let (mut plain, mut joliet) = (None, None);
        let mut sector = [0; SECTOR];
        for index in 0..DESCRIPTORS_MAX {
            let at = FIRST_AT + index * SECTOR as u64;
            match read_at(source, &mut sector, at, WHAT) {
                // Too short for ISO 9660 is not a truncated one.
                Err(ReadError::Truncated { .. }) if index == 0 => return Ok(None),
                other => other?,
            }
            if &sector[1..6] != MAGIC {
                break;
            }
            match sector[0] {
                1 if plain.is_none() => plain = Some(Volume::new(&sector, plain_text)?),
                2 if joliet.is_none() && is_joliet(&sector) => {
                    joliet = Some(Volume::new(&sector, joliet_text)?);
                }
                255 => break,
                _ => {}
            }
        }
        Ok(plain.map(|plain| Self { plain, joliet }))
    }
}

impl Volume {
    fn new(sector: &[u8; SECTOR], text: fn(&[u8]) -> String) -> Result<Self, ReadError> {
        let block = u64::from(u16::from_le_bytes([sector[128], sector[129]]));
        if ![512, 1024, 2048].contains(&block) {
            let what = format!("its blocks have {block} bytes and not 512, 1024 or 2048");
            return Err(ReadError::Damaged { what });
        }
        let root = &sector[156..190];
        let blocks = u64::from(le32(root, 2)) + u64::from(root[1]);
        let root = Directory { place: blocks * block, len: le32(root, 10).into() };
        Ok(Self { label: text(&sector[40..72]), block, root })
    }

    /// The label of this plain tree and the Joliet tree beside it, as `blkid` puts it together:
    /// the plain one has more characters, but perhaps in capitals and without some.
    pub(super) fn label_beside(&self, joliet: Option<&Self>) -> String {
        let joliet = joliet.map(|joliet| joliet.label.as_str()).unwrap_or_default();
        let mut plain = self.label.chars();
        let begins = joliet.chars().map(|joliet| match plain.next() {
            Some('_') => Some(joliet),
            Some(plain) if plain.eq_ignore_ascii_case(&joliet) => {
                Some(if plain.is_ascii_uppercase() { joliet } else { plain })
            }
            _ => None,
        });
        let begins: Option<String> = begins.collect();
        let label = begins.map_or_else(|| joliet.to_owned(), |begins| begins + plain.as_str());
        label.trim_end_matches([' ', '\0']).to_owned()
    }
}

fn is_joliet(sector: &[u8; SECTOR]) -> bool {
    JOLIET_LEVELS.iter().any(|level| sector[88..].starts_with(level))
}

fn plain_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
