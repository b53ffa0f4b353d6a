//! What netlink messages of every protocol are made of (linux/netlink.h).

/// Length and type of an attribute.
pub(crate) const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// The bits of an attribute's type that say how its content is to be read.
const TYPE_FLAGS: u16 = 0xc000;

/// Attributes, one after the other; what cannot be read ends them.
#[derive(Debug, Clone)]
pub(crate) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the first attribute of this kind.
    pub(crate) fn find(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find_map(|(found, content)| (found == kind).then_some(content))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [low, high, first, second, ..] = *self.rest else { return None };
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let kind = u16::from_ne_bytes([first, second]) & !TYPE_FLAGS;
        let content = self.rest.get(ATTRIBUTE_HEADER_BYTES..length)?;
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_ends_the_attributes() {
        for bytes in [&[][..], &[1, 0], &[0, 0, 0, 0], &[200, 0, 1, 0, 5], &[3, 0, 1, 0]] {
            assert_eq!(Attributes::of(bytes).count(), 0, "{bytes:?}");
        }
    }
}
