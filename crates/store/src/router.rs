//! Routers.

use innkeeper_model::{NewRouter, ProjectId, Router, RouterChange, RouterId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::Text,
    project,
    tried::{Tried, or_taken},
};

const KIND: &str = "router";

impl Store {
    /// Makes a router without subnets.
    pub async fn router_create(&self, draft: NewRouter) -> Result<Router, StoreError> {
        draft.validate()?;
        self.write(move |change| create(change, &draft)).await
    }

    /// The routers of one project, or of all, oldest first.
    pub async fn router_list(
        &self,
        project: Option<&ProjectId>,
    ) -> Result<Vec<Router>, StoreError> {
        let project = project.cloned().map(Text);
        self.read(move |connection| {
            let sql = "SELECT * FROM routers WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([project], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One router.
    pub async fn router_fetch(&self, id: RouterId) -> Result<Router, StoreError> {
        self.read(move |connection| fetch(connection, id)).await
    }

    /// Changes a router.
    pub async fn router_update(
        &self,
        id: RouterId,
        wanted: RouterChange,
    ) -> Result<Router, StoreError> {
        wanted.validate()?;
        self.write(move |change| {
            let mut router = fetch(change, id)?;
            if let Some(name) = &wanted.name {
                router.name.clone_from(name);
            }
            let sql = "UPDATE routers SET name = ?2 WHERE id = ?1";
            or_taken(change.execute(sql, params![Text(id), router.name]), KIND, id, &router.name)?;
            Ok(router)
        })
        .await
    }

    /// Deletes a router that has no subnets.
    pub async fn router_delete(&self, id: RouterId) -> Result<(), StoreError> {
        self.write(move |change| delete(change, id)).await
    }
}

/// The router with that id.
pub(crate) fn fetch(connection: &Connection, id: RouterId) -> Tried<Router> {
    let found = connection
        .prepare_cached("SELECT * FROM routers WHERE id = ?1")?
        .query_row([Text(id)], read)
        .optional()?;
    found.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

fn create(change: &mut Change<'_>, draft: &NewRouter) -> Tried<Router> {
    project::must_exist(change, &draft.project_id)?;
    let router = Router {
        id: draft.id.unwrap_or_else(RouterId::random),
        project_id: draft.project_id.clone(),
        name: draft.name.clone(),
        created_at: clock::now(),
    };
    let inserted = change.execute(
        "INSERT INTO routers (id, project_id, name, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![Text(router.id), Text(&router.project_id), router.name, router.created_at],
    );
    or_taken(inserted, KIND, router.id, &router.name)?;
    change.touch_topology();
    Ok(router)
}

fn delete(change: &mut Change<'_>, id: RouterId) -> Tried<()> {
    fetch(change, id)?;
    let subnet: Option<String> = change
        .prepare_cached("SELECT subnet_id FROM router_subnets WHERE router_id = ?1 LIMIT 1")?
        .query_row([Text(id)], |row| row.get(0))
        .optional()?;
    if let Some(subnet) = subnet {
        return Err(StoreError::in_use(KIND, &id, format!("subnet {subnet}")).into());
    }
    change.execute("DELETE FROM routers WHERE id = ?1", [Text(id)])?;
    change.touch_topology();
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Router> {
    Ok(Router {
        id: row.get::<_, Text<_>>("id")?.0,
        project_id: row.get::<_, Text<_>>("project_id")?.0,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
    })
}
