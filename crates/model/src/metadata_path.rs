use std::{fmt, str::FromStr};

use crate::Invalid;

/// How guests reach the service through their router.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MetadataPath {
    /// What they ask of 169.254.169.254:80 is redirected to a port of the router's namespace.
    #[default]
    Redirect,
    /// The address itself is on the router's interfaces, and port 80 is listened on: no NAT.
    Address,
}

impl MetadataPath {
    /// Every path there is.
    pub const ALL: [Self; 2] = [Self::Redirect, Self::Address];

    /// Its name in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Address => "address",
        }
    }
}

impl fmt::Display for MetadataPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MetadataPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|path| path.as_str() == text).ok_or_else(|| {
            let reason =
                format!("\"{}\" is neither \"redirect\" nor \"address\"", text.escape_debug());
            Invalid::new("metadata_path", reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows_and_nothing_else() {
        for path in MetadataPath::ALL {
            assert_eq!(path.to_string().parse(), Ok(path));
        }
        for bad in ["", "Redirect", "nat", " address"] {
            let error = bad.parse::<MetadataPath>().expect_err("no path").to_string();
            assert!(error.contains("redirect") && error.contains("address"), "{error}");
        }
    }
}
