//! Names as the two trees of an image have them.

/// Characters of a name in the plain tree: level 2 of ISO 9660, what `mkisofs -l` allows.
const PLAIN_MAX: usize = 31;

/// 16-bit units of a Joliet name.
const JOLIET_MAX: usize = 64;

/// What follows the last dot of a name that is too long stays whole up to this many characters:
/// guests may go by it.
const EXTENSION_MAX: usize = 8;

/// Which characters there are and how many fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Of the primary tree: letters, digits, underscores and dots, as from
    /// `mkisofs -l -ldots -allow-lowercase -allow-multidot`.
    Plain,
    /// Of the Joliet tree: nearly everything, as UTF-16.
    Joliet,
}

impl Alphabet {
    /// Appends `name` in these characters, shortened if it must be. Names that differ may become
    /// equal.
    pub(super) fn encode(self, name: &str, is_directory: bool, out: &mut Vec<u8>) {
        if self.width(name) + self.dot(name, is_directory).len() > self.max() {
            return self.encode_numbered(name, is_directory, None, out);
        }
        self.push(name, out);
        self.push(self.dot(name, is_directory), out);
    }

    /// As [`encode`](Self::encode), with a number behind the part before the last dot.
    pub(super) fn encode_numbered(
        self,
        name: &str,
        is_directory: bool,
        number: Option<usize>,
        out: &mut Vec<u8>,
    ) {
        let number = number.map(|number| format!("_{number}")).unwrap_or_default();
        let dot = name.rfind('.').filter(|dot| *dot > 0);
        let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
        let keeps_extension = self.width(extension) <= EXTENSION_MAX + 1;
        let (stem, extension) = if keeps_extension { (stem, extension) } else { (name, "") };
        let end = if extension.is_empty() { self.dot(stem, is_directory) } else { extension };
        let mut room = self.max() - self.width(&number) - self.width(end);
        for character in stem.chars() {
            let Some(left) = room.checked_sub(self.width_of(character)) else { break };
            room = left;
            self.push_one(character, out);
        }
        self.push(&number, out);
        self.push(end, out);
    }

    /// Whether a name is the same in these characters.
    pub(super) fn keeps(self, name: &str) -> bool {
        self.width(name) <= self.max() && name.chars().all(|one| self.allowed(one) == one)
    }

    /// What readers make of a name: those of plain trees leave the last dot out.
    pub(super) fn as_read(self, name: &[u8]) -> &[u8] {
        match self {
            Self::Plain => name.strip_suffix(b".").unwrap_or(name),
            Self::Joliet => name,
        }
    }

    /// What ends the name of a file and says its version. Like genisoimage, none in Joliet.
    pub(super) const fn version(self) -> &'static [u8] {
        match self {
            Self::Plain => b";1",
            Self::Joliet => b"",
        }
    }

    const fn max(self) -> usize {
        match self {
            Self::Plain => PLAIN_MAX,
            Self::Joliet => JOLIET_MAX,
        }
    }

    /// A file of the plain tree has a dot, even if nothing follows it.
    fn dot(self, name: &str, is_directory: bool) -> &'static str {
        let is_missing = self == Self::Plain && !is_directory && !name.contains('.');
        if is_missing { "." } else { "" }
    }

    fn width(self, text: &str) -> usize {
        if text.is_ascii() {
            return text.len();
        }
        text.chars().map(|character| self.width_of(character)).sum()
    }

    const fn width_of(self, character: char) -> usize {
        match self {
            Self::Plain => 1,
            Self::Joliet => character.len_utf16(),
        }
    }

    const fn allowed(self, character: char) -> char {
        let is_allowed = match self {
            Self::Plain => character.is_ascii_alphanumeric() || matches!(character, '_' | '.'),
            Self::Joliet => !matches!(character, '*' | '/' | ':' | ';' | '?' | '\\'),
        };
        if is_allowed { character } else { '_' }
    }

    fn push(self, text: &str, out: &mut Vec<u8>) {
        if !text.is_ascii() {
            return text.chars().for_each(|character| self.push_one(character, out));
        }
        let allowed = |byte: u8| u8::try_from(self.allowed(byte.into())).unwrap_or(b'_');
        let start = out.len();
        let width = if self == Self::Plain { 1 } else { 2 };
        out.resize(start + width * text.len(), 0);
        let places = out[start..].chunks_exact_mut(width);
        places.zip(text.bytes()).for_each(|(place, byte)| place[width - 1] = allowed(byte));
    }

    fn push_one(self, character: char, out: &mut Vec<u8>) {
        let character = self.allowed(character);
        match self {
            Self::Plain => out.push(u8::try_from(character).unwrap_or(b'_')),
            Self::Joliet => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(&unit.to_be_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str, is_directory: bool) -> String {
        let mut out = Vec::new();
        Alphabet::Plain.encode(name, is_directory, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn joliet(name: &str, number: Option<usize>) -> String {
        let mut out = Vec::new();
        match number {
            None => Alphabet::Joliet.encode(name, false, &mut out),
            number => Alphabet::Joliet.encode_numbered(name, false, number, &mut out),
        }
        let units: Vec<u16> =
            out.chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
        String::from_utf16(&units).unwrap()
    }

    #[test]
    fn plain_names_are_those_that_genisoimage_gives_with_novas_flags() {
        assert_eq!(plain("network_data.json", false), "network_data.json");
        assert_eq!(plain("meta-data.json", false), "meta_data.json");
        assert_eq!(plain("2012-08-10", true), "2012_08_10");
        assert_eq!(plain("user_data", false), "user_data.");
        assert_eq!(plain("0000", false), "0000.");
        assert_eq!(plain("a.b.c", false), "a.b.c");
        assert_eq!(plain("straße", false), "stra_e.");
    }

    #[test]
    fn long_names_keep_short_extensions() {
        assert_eq!(plain(&format!("{}.json", "a".repeat(40)), false), "a".repeat(26) + ".json");
        assert_eq!(plain(&"b".repeat(40), false), "b".repeat(30) + ".");
        assert_eq!(plain(&"b".repeat(40), true), "b".repeat(31));
        assert_eq!(plain(&format!(".{}", "c".repeat(40)), false).len(), 31);
        let long_extension = format!("a.{}", "d".repeat(40));
        assert_eq!(plain(&long_extension, false), "a.".to_owned() + &"d".repeat(29));
    }

    #[test]
    fn joliet_names_are_utf_16_and_cut_between_characters() {
        assert_eq!(joliet("straße;1", None), "straße_1");
        assert_eq!(joliet(&"x".repeat(70), None), "x".repeat(64));
        let pairs = "a".to_owned() + &"😀".repeat(40);
        assert_eq!(joliet(&pairs, None), "a".to_owned() + &"😀".repeat(31));
        assert_eq!(joliet("name.txt", Some(12)), "name_12.txt");
    }
}
