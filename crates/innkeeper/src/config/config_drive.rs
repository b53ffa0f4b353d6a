//! The types of the keys of config drives.

use innkeeper_config_drive::{Format, SkippedVersion};

use super::value::{Form, Value};

impl Value for Format {
    const FORM: Form = Form::Text;
    const EXPECTED: &'static str = "\"iso9660\", \"vfat\" or \"vhd\"";
    const NAME: &'static str = "iso9660|vfat|vhd";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Versions of either tree that are left out. Nova writes them into one string with spaces between
/// them; that is taken too where there are no lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkippedVersions(Vec<SkippedVersion>);

impl SkippedVersions {
    /// The versions.
    pub(crate) fn as_slice(&self) -> &[SkippedVersion] {
        &self.0
    }
}

impl Value for SkippedVersions {
    const FORM: Form = Form::List;
    const EXPECTED: &'static str = "a list of versions: EC2's 1.0, 2007-01-19, 2007-03-01, \
                                    2007-08-29, 2007-10-10, 2007-12-15, 2008-02-01, 2008-09-01, \
                                    2009-04-04 and latest, OpenStack's 2012-08-10, 2013-04-04, \
                                    2013-10-17, 2015-10-15, 2016-06-30, 2016-10-06, 2017-02-22, \
                                    2018-08-27, 2020-10-14 and 2025-04-04";
    const NAME: &'static str = "VERSION,…";

    fn parse(text: &str) -> Option<Self> {
        let names = text.split([',', ' ']).filter(|name| !name.is_empty());
        names.map(|name| name.parse().ok()).collect::<Option<_>>().map(Self)
    }
}

/// The size of VFAT images, in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VfatMib(u64);

impl VfatMib {
    /// Nova's size. What is on a drive needs a hundredth of it.
    const MAX: u64 = 64;

    /// The size in bytes.
    pub(crate) const fn bytes(self) -> u64 {
        self.0 * 1_024 * 1_024
    }
}

impl Value for VfatMib {
    const FORM: Form = Form::Number;
    const EXPECTED: &'static str = "a number of MiB from 1 to 64";
    const NAME: &'static str = "MIB";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|mib| (1..=Self::MAX).contains(mib)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_documents::{Ec2Version, OpenStackVersion};

    use super::*;

    #[test]
    fn every_version_can_be_left_out_and_is_named_where_one_is_wrong() {
        let ec2 = Ec2Version::ALL.iter().map(|version| version.as_str());
        let names: Vec<_> =
            ec2.chain(OpenStackVersion::ALL.iter().map(|v| v.as_str())).chain(["latest"]).collect();
        for name in &names {
            assert!(SkippedVersions::EXPECTED.contains(name), "{name} is not named");
        }
        let all = SkippedVersions::parse(&names.join(",")).expect("every version");
        assert_eq!(all.as_slice().len(), names.len());
        assert_eq!(SkippedVersions::parse(&names.join(" ")), Some(all), "as Nova writes them");
        assert_eq!(SkippedVersions::parse(""), Some(SkippedVersions(Vec::new())));
        for bad in ["2012-08-11", "1.0,2007", "Latest"] {
            assert_eq!(SkippedVersions::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_have_bounds() {
        assert_eq!(VfatMib::parse("64").map(VfatMib::bytes), Some(64 << 20));
        assert_eq!(VfatMib::parse("1").map(VfatMib::bytes), Some(1 << 20));
        for bad in ["0", "65", "-1", "1.5", ""] {
            assert_eq!(VfatMib::parse(bad), None, "{bad}");
        }
    }
}
