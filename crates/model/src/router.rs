use serde::{Deserialize, Serialize};

use crate::{Invalid, ProjectId, RouterId, UnixSeconds, text};

/// A router between networks; its namespace (`qrouter-<id>`) catches metadata requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Router {
    /// Its id.
    pub id: RouterId,
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within its project.
    pub name: String,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// A router to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRouter {
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RouterId>,
    /// The owner.
    pub project_id: ProjectId,
    /// Unique within its project.
    pub name: String,
}

impl NewRouter {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)
    }
}

/// What to change of a router; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RouterChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl RouterChange {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.name.as_deref().map_or(Ok(()), text::check_name)
    }
}
