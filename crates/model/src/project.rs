use serde::{Deserialize, Serialize};

use crate::{Invalid, ProjectId, UnixSeconds, limits, text};

/// A tenant: the owner of resources and the line that no document may cross.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Project {
    /// What guests' requests are signed for (`X-Tenant-ID`).
    pub id: ProjectId,
    /// Unique among projects.
    pub name: String,
    /// Free text.
    pub description: String,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// A project to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// The id to give it, such as the one Keystone gave; a random one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ProjectId>,
    /// Unique among projects.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
}

impl NewProject {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)?;
        text::check_optional_text("description", &self.description, limits::NAME_CHARS_MAX)
    }
}

/// What to change of a project; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProjectChange {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl ProjectChange {
    /// Refuses what breaks a rule on its own.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.name.as_deref().map_or(Ok(()), text::check_name)?;
        let description = self.description.as_deref().unwrap_or_default();
        text::check_optional_text("description", description, limits::NAME_CHARS_MAX)
    }
}
