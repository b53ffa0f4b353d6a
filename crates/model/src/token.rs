use serde::{Deserialize, Serialize};

use crate::{TokenId, UnixSeconds};

/// What a bearer of a token may do at the control API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TokenScope {
    /// Everything.
    Admin,
    /// Only what a host needs: network-view lookups and the topology.
    Agent,
}

impl TokenScope {
    /// The word that configuration and listings carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Agent => "agent",
        }
    }
}

/// What is kept of a token: everything but the token, of which only a hash is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRecord {
    /// By which it is listed and deleted.
    pub id: TokenId,
    /// What its bearer may do.
    pub scope: TokenScope,
    /// Who or what it was made for; may be empty.
    pub description: String,
    /// When it was made.
    pub created_at: UnixSeconds,
}
