//! Versions of both trees.

use std::fmt;

use crate::CivilDate;

macro_rules! versions {
    ($(#[doc = $type_doc:literal])+ $type:ident {
        $(#[doc = $doc:literal] $name:ident = $text:literal ($y:literal, $m:literal, $d:literal),)+
    }) => {
        $(#[doc = $type_doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $type {
            $(#[doc = $doc] $name,)+
        }

        impl $type {
            /// Every version, oldest first: the order of listings.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in paths.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The day after which it is named.
            pub const fn date(self) -> CivilDate {
                match self { $(Self::$name => CivilDate::new($y, $m, $d),)+ }
            }

            /// The version with this name. There is no "nearest older one".
            pub fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)+ _ => None }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

versions! {
    /// A version of the OpenStack documents. "From a version on" means its place in this list.
    OpenStackVersion {
        /// Folsom: `meta_data.json`, `user_data`.
        V2012_08_10 = "2012-08-10" (2012, 8, 10),
        /// Grizzly: `random_seed`, `password`.
        V2013_04_04 = "2013-04-04" (2013, 4, 4),
        /// Havana: `vendor_data.json`.
        V2013_10_17 = "2013-10-17" (2013, 10, 17),
        /// Liberty: `project_id`, `network_data.json`.
        V2015_10_15 = "2015-10-15" (2015, 10, 15),
        /// Newton: `devices`.
        V2016_06_30 = "2016-06-30" (2016, 6, 30),
        /// Newton: `vendor_data2.json`.
        V2016_10_06 = "2016-10-06" (2016, 10, 6),
        /// Ocata: VLANs of devices.
        V2017_02_22 = "2017-02-22" (2017, 2, 22),
        /// Rocky: trusted functions among devices.
        V2018_08_27 = "2018-08-27" (2018, 8, 27),
        /// Victoria: `dedicated_cpus`.
        V2020_10_14 = "2020-10-14" (2020, 10, 14),
        /// Epoxy: shares among devices.
        V2025_04_04 = "2025-04-04" (2025, 4, 4),
    }
}

versions! {
    /// A version of the EC2 documents.
    Ec2Version {
        /// The first.
        V1_0 = "1.0" (2006, 8, 24),
        /// `local-hostname`, `public-hostname`, `public-ipv4`.
        V2007_01_19 = "2007-01-19" (2007, 1, 19),
        /// Adds nothing.
        V2007_03_01 = "2007-03-01" (2007, 3, 1),
        /// `instance-type`.
        V2007_08_29 = "2007-08-29" (2007, 8, 29),
        /// Adds nothing.
        V2007_10_10 = "2007-10-10" (2007, 10, 10),
        /// `block-device-mapping`, `kernel-id`, `ramdisk-id`.
        V2007_12_15 = "2007-12-15" (2007, 12, 15),
        /// `placement`.
        V2008_02_01 = "2008-02-01" (2008, 2, 1),
        /// `instance-action`.
        V2008_09_01 = "2008-09-01" (2008, 9, 1),
        /// Adds nothing; what `latest` means.
        V2009_04_04 = "2009-04-04" (2009, 4, 4),
    }
}

/// The alias of the newest version, in both trees.
pub(crate) const LATEST: &str = "latest";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_in_order() {
        for version in OpenStackVersion::ALL {
            assert_eq!(OpenStackVersion::named(version.as_str()), Some(*version));
            assert_eq!(version.date().to_string(), version.as_str());
        }
        assert!(OpenStackVersion::ALL.is_sorted() && Ec2Version::ALL.is_sorted());
        assert_eq!(OpenStackVersion::named("2014-01-01"), None, "no nearest older version");
    }
}
