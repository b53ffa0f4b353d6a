//! Projects.

use innkeeper_model::{Invalid, NewProject, Project, ProjectChange, ProjectId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::Text,
    random,
    tried::{Tried, or_taken},
};

const KIND: &str = "project";
/// Made by the first migration; where things go unless a project is named.
const DEFAULT: &str = "default";

/// What a project can own, with the word for it, in the order in which to name them.
const OWNED: [(&str, &str); 8] = [
    ("instance", "SELECT id FROM instances WHERE project_id = ?1 LIMIT 1"),
    ("port", "SELECT id FROM ports WHERE project_id = ?1 LIMIT 1"),
    ("floating IP", "SELECT id FROM floating_ips WHERE project_id = ?1 LIMIT 1"),
    ("router", "SELECT id FROM routers WHERE project_id = ?1 LIMIT 1"),
    ("subnet", "SELECT id FROM subnets WHERE project_id = ?1 LIMIT 1"),
    ("network", "SELECT id FROM networks WHERE project_id = ?1 LIMIT 1"),
    ("image", "SELECT id FROM images WHERE project_id = ?1 LIMIT 1"),
    ("key pair", "SELECT name FROM key_pairs WHERE project_id = ?1 LIMIT 1"),
];

impl Store {
    /// Makes a project.
    pub async fn project_create(&self, draft: NewProject) -> Result<Project, StoreError> {
        draft.validate()?;
        self.write(move |change| create(change, &draft)).await
    }

    /// All projects, oldest first.
    pub async fn project_list(&self) -> Result<Vec<Project>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM projects ORDER BY seq")?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One project.
    pub async fn project_fetch(&self, id: &ProjectId) -> Result<Project, StoreError> {
        let id = id.clone();
        self.read(move |connection| fetch(connection, &id)).await
    }

    /// Changes a project.
    pub async fn project_update(
        &self,
        id: &ProjectId,
        wanted: ProjectChange,
    ) -> Result<Project, StoreError> {
        wanted.validate()?;
        let id = id.clone();
        self.write(move |change| update(change, &id, &wanted)).await
    }

    /// Deletes a project that owns nothing; the one named `default` stays.
    pub async fn project_delete(&self, id: &ProjectId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |change| delete(change, &id)).await
    }
}

/// Refuses a draft whose project does not exist.
pub(crate) fn must_exist(connection: &Connection, id: &ProjectId) -> Tried<()> {
    let found =
        connection.prepare_cached("SELECT 1 FROM projects WHERE id = ?1")?.exists([id.as_str()])?;
    if found {
        return Ok(());
    }
    Err(Invalid::new("project_id", format!("there is no project {id}: make it first")).into())
}

fn create(change: &Change<'_>, draft: &NewProject) -> Tried<Project> {
    let id = match &draft.id {
        Some(id) => id.clone(),
        // Keystone's ids are 32 hex digits.
        None => {
            let hex: String =
                random::bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
            ProjectId::try_from(hex)?
        }
    };
    let project = Project {
        id,
        name: draft.name.clone(),
        description: draft.description.clone(),
        created_at: clock::now(),
    };
    let inserted = change.execute(
        "INSERT INTO projects (id, name, description, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![project.id.as_str(), project.name, project.description, project.created_at],
    );
    or_taken(inserted, KIND, &project.id, &project.name)?;
    Ok(project)
}

fn update(change: &Change<'_>, id: &ProjectId, wanted: &ProjectChange) -> Tried<Project> {
    let mut project = fetch(change, id)?;
    if let Some(name) = &wanted.name {
        project.name.clone_from(name);
    }
    if let Some(description) = &wanted.description {
        project.description.clone_from(description);
    }
    let updated = change.execute(
        "UPDATE projects SET name = ?2, description = ?3 WHERE id = ?1",
        params![id.as_str(), project.name, project.description],
    );
    or_taken(updated, KIND, id, &project.name)?;
    Ok(project)
}

fn delete(change: &Change<'_>, id: &ProjectId) -> Tried<()> {
    fetch(change, id)?;
    if id.as_str() == DEFAULT {
        let reason = "the default project stays: it is where things go unless a project is named";
        return Err(StoreError::conflict("id", reason).into());
    }
    for (word, sql) in OWNED {
        let owned: Option<String> =
            change.prepare_cached(sql)?.query_row([id.as_str()], |row| row.get(0)).optional()?;
        if let Some(owned) = owned {
            return Err(StoreError::in_use(KIND, &id, format!("{word} {owned}")).into());
        }
    }
    change.execute("DELETE FROM projects WHERE id = ?1", [id.as_str()])?;
    Ok(())
}

fn fetch(connection: &Connection, id: &ProjectId) -> Tried<Project> {
    connection
        .prepare_cached("SELECT * FROM projects WHERE id = ?1")?
        .query_row([id.as_str()], read)
        .optional()?
        .ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: row.get::<_, Text<_>>("id")?.0,
        name: row.get("name")?,
        description: row.get("description")?,
        created_at: row.get("created_at")?,
    })
}
