//! What operations answer that is no plain resource.

use serde::{Deserialize, Serialize};

/// The answer to a write that is allowed but may not be meant: the resource's own fields and,
/// beside them, `warnings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Written<T> {
    /// As it is now.
    #[serde(flatten)]
    pub resource: T,
    /// What guests will not understand, for people; absent if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl<T> Written<T> {
    /// With nothing to say about it.
    pub fn silently(resource: T) -> Self {
        Self { resource, warnings: Vec::new() }
    }
}

/// What a guest posted as its password: encrypted with the public key of its key pair by those
/// that do so, such as cloudbase-init.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GuestPassword {
    /// The text as it was posted; empty if there is none yet.
    pub password: String,
}

/// Shows its length only: a guest may post it in the clear.
impl std::fmt::Debug for GuestPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GuestPassword({} bytes)", self.password.len())
    }
}
