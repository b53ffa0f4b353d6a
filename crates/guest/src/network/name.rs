use std::fmt;

use super::limits;

/// An interface's name that means nothing else in any file or command it is written to: at most 15
/// letters, digits, dots, hyphens and underscores, the first a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct InterfaceName(String);

/// Names that the kernel's settings give a meaning to, and loopback's.
const RESERVED: [&str; 3] = ["all", "default", "lo"];

impl InterfaceName {
    /// `None` if the text is not such a name.
    pub(super) fn new(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = text.len() <= limits::INTERFACE_NAME_BYTES
            && text.bytes().all(is_allowed)
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && !RESERVED.contains(&text);
        is_name.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        for name in ["eth0", "enp1s0f1.100", "tap04f10770-39", "a"] {
            assert!(InterfaceName::new(name).is_some(), "{name}");
        }
        for name in [
            "",
            "lo",
            "all",
            "default",
            ".",
            "..",
            "-x",
            "a b",
            "a\n",
            "a;b",
            "é",
            "a/b",
            "x23456789012345 6",
            "x234567890123456",
        ] {
            assert!(InterfaceName::new(name).is_none(), "{name:?}");
        }
    }
}
