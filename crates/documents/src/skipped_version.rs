//! Versions that an operator does not want on drives.

use std::{fmt, str::FromStr};

use crate::{Ec2Version, OpenStackVersion, version::LATEST};

/// A version that is left out of config drives, of either tree: no name is in both. `latest` is
/// EC2's, as in Nova; the OpenStack documents cannot do without theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkippedVersion {
    /// A directory of the EC2 documents.
    Ec2(Ec2Version),
    /// `ec2/latest`.
    Ec2Latest,
    /// A directory of the OpenStack documents.
    OpenStack(OpenStackVersion),
}

/// A version that neither tree has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no version of the metadata; there are {names}, and {LATEST} for EC2's", names = names())]
pub struct UnknownVersion(String);

impl SkippedVersion {
    /// What Nova leaves out unless it is told otherwise: all of EC2's but the newest and `latest`.
    pub const DEFAULT: &'static [Self] = &[
        Self::Ec2(Ec2Version::V1_0),
        Self::Ec2(Ec2Version::V2007_01_19),
        Self::Ec2(Ec2Version::V2007_03_01),
        Self::Ec2(Ec2Version::V2007_08_29),
        Self::Ec2(Ec2Version::V2007_10_10),
        Self::Ec2(Ec2Version::V2007_12_15),
        Self::Ec2(Ec2Version::V2008_02_01),
        Self::Ec2(Ec2Version::V2008_09_01),
    ];

    /// Its name in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ec2(version) => version.as_str(),
            Self::Ec2Latest => LATEST,
            Self::OpenStack(version) => version.as_str(),
        }
    }
}

impl FromStr for SkippedVersion {
    type Err = UnknownVersion;

    fn from_str(name: &str) -> Result<Self, UnknownVersion> {
        if name == LATEST {
            return Ok(Self::Ec2Latest);
        }
        let ec2 = Ec2Version::named(name).map(Self::Ec2);
        ec2.or_else(|| OpenStackVersion::named(name).map(Self::OpenStack))
            .ok_or_else(|| UnknownVersion(name.escape_debug().to_string()))
    }
}

impl fmt::Display for SkippedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn names() -> String {
    let ec2 = Ec2Version::ALL.iter().map(|version| version.as_str());
    let all: Vec<_> = ec2.chain(OpenStackVersion::ALL.iter().map(|v| v.as_str())).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_no_other_is_taken() {
        for name in names().split(", ").chain([LATEST]) {
            assert_eq!(name.parse::<SkippedVersion>().expect("a version").as_str(), name);
        }
        let unknown = "2014-01-01".parse::<SkippedVersion>().expect_err("no version").to_string();
        assert!(unknown.starts_with("\"2014-01-01\" is no version"), "{unknown}");
        assert!(unknown.contains("2009-04-04, 2012-08-10"), "{unknown}");
    }

    #[test]
    fn by_default_nova_s_eight_are_left_out() {
        let names: Vec<_> = SkippedVersion::DEFAULT.iter().map(|v| v.as_str()).collect();
        assert_eq!(
            names.join(" "),
            "1.0 2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01"
        );
    }
}
