//! Typed ids: a network's id can never be passed where a router's is wanted.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Invalid;

macro_rules! uuid_id {
    ($(#[doc = $doc:literal] $name:ident => $field:literal),+ $(,)?) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id that `uuid` stands for.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// A new id, unlike any other.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                parse_canonical(text).map(Self).ok_or_else(|| {
                    Invalid::new($field, format!("\"{}\" is not a UUID", text.escape_debug()))
                })
            }
        }
    )+};
}

uuid_id! {
    /// One machine.
    InstanceId => "instance",
    /// A point at which a machine, a router or a DHCP server is plugged into a network.
    PortId => "port",
    /// A tenant network: one broadcast domain.
    NetworkId => "network",
    /// An address range of a network.
    SubnetId => "subnet",
    /// A router between networks.
    RouterId => "router",
    /// A disk image, or a kernel or ramdisk image.
    ImageId => "image",
    /// An outside address that leads to a fixed IP.
    FloatingIpId => "floating_ip",
    /// A token of the control API; not the token itself.
    TokenId => "token",
}

/// Only the hyphenated form: braces, URNs and bare hex would give one resource several names.
fn parse_canonical(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok()
}

macro_rules! text_id {
    ($(#[doc = $doc:literal] $name:ident => $field:literal),+ $(,)?) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                check_text_id($field, &text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

text_id! {
    /// The tenant that owns a resource. Keystone's are 32 hex digits; any short word will do.
    ProjectId => "project",
    /// A flavor; operators choose it themselves (`1`, `m1.small`).
    FlavorId => "flavor",
}

/// 1 to 255 characters that survive in a header, a path segment and a shell word.
fn check_text_id(field: &str, text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 255 || !text.chars().all(allowed) {
        let reason = format!(
            "\"{}\" is not an id: 1 to 255 letters, digits, '-', '_' or '.'",
            text.escape_debug()
        );
        return Err(Invalid::new(field, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_one_spelling() {
        let id = InstanceId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        let simple = id.uuid().simple().to_string();
        for bad in [simple.as_str(), "", "web1", &format!("{{{id}}}"), &format!("urn:uuid:{id}")] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_project_id_fits_a_header() {
        assert!("4dc844abccfc0d132d087c1c7fcec557".parse::<ProjectId>().is_ok());
        for bad in ["", "a b", "a/b", "a\r\nX-Tenant-ID: b", "é", &"x".repeat(256)] {
            assert!(bad.parse::<ProjectId>().is_err(), "{bad:?} was accepted");
        }
    }
}
