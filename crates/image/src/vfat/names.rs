//! Names as a FAT volume that is made has them: the long one, and its short alias.

use std::collections::{HashMap, HashSet};

/// UTF-16 units of a long name that one entry holds.
pub(super) const UNITS_PER_ENTRY: usize = 13;

/// UTF-16 units of a long name.
pub(super) const UNITS_MAX: usize = 255;

/// Characters besides letters and digits that a short name may have.
const SHORT_PUNCTUATION: &[u8] = b"!#$%&'()-@^_`{}~";

/// The name in a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShortName {
    pub(super) bytes: [u8; 11],
    /// Whether it is an alias only, and the name itself stands before it.
    pub(super) is_alias: bool,
}

impl ShortName {
    /// `.` and `..`, in every directory but the root.
    pub(super) const fn dots(count: usize) -> Self {
        let mut bytes = [b' '; 11];
        bytes[0] = b'.';
        if count == 2 {
            bytes[1] = b'.';
        }
        Self { bytes, is_alias: false }
    }

    /// A volume label of at most eleven characters, in the letters it has.
    pub(super) fn label(label: &str) -> Self {
        let mut bytes = [b' '; 11];
        bytes.iter_mut().zip(label.bytes()).for_each(|(place, byte)| *place = byte);
        Self { bytes, is_alias: false }
    }

    /// By which the entries of a long name know whose they are.
    pub(super) fn checksum(&self) -> u8 {
        checksum(&self.bytes)
    }
}

/// By which the entries of a long name know the short name that they belong to.
pub(super) fn checksum(short: &[u8; 11]) -> u8 {
    short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// What is wrong with a name, if anything is.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if name.contains(['"', '*', '/', ':', '<', '>', '?', '\\', '|']) {
        return Err("a name has one of the characters \"*/:<>?\\|, which FAT does not have");
    }
    if name.ends_with(['.', ' ']) {
        return Err("a name ends with a dot or a space, which FAT takes away");
    }
    if name.encode_utf16().count() > UNITS_MAX {
        return Err("a name is longer than 255 UTF-16 units");
    }
    Ok(())
}

/// What two names share that FAT takes for the same.
pub(super) fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

/// The entries of one directory, in order, with short names of which no two are the same. The
/// names are told apart by more than the size of their letters.
pub(super) fn short_names(names: &[&str]) -> Vec<ShortName> {
    let plain: Vec<_> = names.iter().map(|name| plain(name)).collect();
    // Names that are short as they are come first: an alias must not be another file's name.
    let mut aliases =
        Aliases { taken: plain.iter().flatten().copied().collect(), tried: HashMap::new() };
    let short = |(name, plain): (&&str, Option<[u8; 11]>)| match plain {
        Some(bytes) => {
            ShortName { bytes, is_alias: name.bytes().any(|byte| byte.is_ascii_lowercase()) }
        }
        None => ShortName { bytes: aliases.next(name), is_alias: true },
    };
    names.iter().zip(plain).map(short).collect()
}

struct Aliases {
    taken: HashSet<[u8; 11]>,
    /// By what stands before the number and behind the dot, so that ten thousand alike names do
    /// not each begin with one.
    tried: HashMap<(Vec<u8>, Vec<u8>), u32>,
}

impl Aliases {
    /// `NAME~1.EXT` with the first number that makes it a new one.
    fn next(&mut self, name: &str) -> [u8; 11] {
        let dot = name.rsplit_once('.');
        let dot = dot.filter(|(base, _)| !base.trim_matches(['.', ' ']).is_empty());
        let (base, extension) = dot.unwrap_or((name, ""));
        let (mut base, mut extension) = (allowed(base), allowed(extension));
        base.truncate(6);
        extension.truncate(3);
        let number = self.tried.entry((base.clone(), extension.clone())).or_default();
        loop {
            *number += 1;
            let tail = format!("~{number}");
            let kept = base.len().min(8 - tail.len());
            let bytes = eleven(&[&base[..kept], tail.as_bytes()].concat(), &extension);
            if self.taken.insert(bytes) {
                return bytes;
            }
        }
    }
}

/// The short name of a name that is one but for the size of its letters.
fn plain(name: &str) -> Option<[u8; 11]> {
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let fits = (1..=8).contains(&base.len()) && extension.len() <= 3 && !name.ends_with('.');
    let is_short =
        |part: &str| part.bytes().all(|byte| is_short_character(byte.to_ascii_uppercase()));
    (fits && is_short(base) && is_short(extension)).then(|| {
        eleven(base.to_ascii_uppercase().as_bytes(), extension.to_ascii_uppercase().as_bytes())
    })
}

/// What a short name can have of `part`: capitals, underscores for what it cannot have, and
/// neither dots nor spaces.
fn allowed(part: &str) -> Vec<u8> {
    let kept = part.chars().filter(|character| !matches!(character, '.' | ' '));
    kept.map(|character| match u8::try_from(character.to_ascii_uppercase()) {
        Ok(byte) if is_short_character(byte) => byte,
        _ => b'_',
    })
    .collect()
}

fn is_short_character(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || SHORT_PUNCTUATION.contains(&byte)
}

fn eleven(base: &[u8], extension: &[u8]) -> [u8; 11] {
    let mut bytes = [b' '; 11];
    bytes[..base.len()].copy_from_slice(base);
    bytes[8..8 + extension.len()].copy_from_slice(extension);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(names: &[&str]) -> Vec<String> {
        let text = |short: ShortName| String::from_utf8(short.bytes.to_vec()).unwrap();
        short_names(names).into_iter().map(text).collect()
    }

    #[test]
    fn aliases_are_made_as_by_windows() {
        let names = ["meta_data.json", "latest", "2012-08-10", "0000", "a.b.c", ".bashrc", "é.txt"];
        let expected = [
            "META_D~1JSO",
            "LATEST     ",
            "2012-0~1   ",
            "0000       ",
            "AB~1    C  ",
            "BASHRC~1   ",
            "_~1     TXT",
        ];
        assert_eq!(aliases(&names), expected);
        assert!(!short_names(&["0000"])[0].is_alias);
        assert!(short_names(&["latest"])[0].is_alias);
    }

    #[test]
    fn an_alias_is_no_other_files_name() {
        assert_eq!(
            aliases(&["longname one.txt", "longna~1.txt", "longname two.txt"]),
            ["LONGNA~2TXT", "LONGNA~1TXT", "LONGNA~3TXT"]
        );
    }

    #[test]
    fn many_alike_names_have_different_aliases() {
        let names: Vec<String> = (0..20_000).map(|n| format!("alike name {n}.json")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let short = short_names(&names);
        let different: HashSet<_> = short.iter().map(|short| short.bytes).collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(&short[9_999].bytes, b"AL~10000JSO");
    }

    #[test]
    fn the_checksum_is_the_one_that_everybody_knows() {
        // README.TXT's, from tables of FAT.
        assert_eq!(checksum(b"README  TXT"), 0x73);
    }

    #[test]
    fn names_that_fat_lacks_are_refused() {
        for bad in ["a:b", "a?", "\"", "a*", "<", ">", "|", "\\", "a.", "a ", "..."] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"é".repeat(127)).is_ok());
        for good in ["a", "a+b", "[x]", " a", "a,b;c=d", "日本語", "🦀"] {
            assert!(check(good).is_ok(), "{good:?}");
        }
    }
}
