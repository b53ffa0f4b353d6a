use serde::{Deserialize, Serialize};

use crate::{Invalid, NetworkId};

/// Characters of a provider's name: it is one path segment and one header value.
const PROVIDER_CHARS_MAX: usize = 255;

/// A network service outside Neutron that passes guests' requests on, with the networks whose
/// guests it may speak for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetadataProvider {
    /// What it sends as `X-Metadata-Provider`.
    pub provider: String,
    /// Its networks, in the order of their ids.
    pub network_ids: Vec<NetworkId>,
}

impl MetadataProvider {
    /// Refuses a name that does not fit a header or a path segment.
    pub fn check_name(name: &str) -> Result<(), Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let is_dots = name.chars().all(|c| c == '.');
        if is_dots || name.len() > PROVIDER_CHARS_MAX || !name.chars().all(allowed) {
            let reason = format!(
                "\"{}\" is not the name of a provider: 1 to {PROVIDER_CHARS_MAX} letters, digits, \
                 '-', '_', '.' or ':'",
                name.escape_debug()
            );
            return Err(Invalid::new("provider", reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_s_name_fits_a_header_and_a_path() {
        for good in ["3f2a", "nsx-1.example:443", "04f10770-398d-5249-a408-aedd22a88bba"] {
            MetadataProvider::check_name(good).expect(good);
        }
        for bad in ["", ".", "..", "a b", "a/b", "a\r\nb", "é", &"x".repeat(256)] {
            let refused = MetadataProvider::check_name(bad).expect_err("a bad name").to_string();
            assert!(refused.starts_with("provider: "), "{refused}");
        }
    }
}
