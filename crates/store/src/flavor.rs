//! Flavors.

use innkeeper_model::{Flavor, FlavorChange, FlavorId, NewFlavor};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::{Json, Text},
    random,
    tried::{Tried, or_taken},
};

const KIND: &str = "flavor";

impl Store {
    /// Makes a flavor.
    pub async fn flavor_create(&self, draft: NewFlavor) -> Result<Flavor, StoreError> {
        draft.validate()?;
        self.write(move |change| create(change, &draft)).await
    }

    /// All flavors, oldest first.
    pub async fn flavor_list(&self) -> Result<Vec<Flavor>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM flavors ORDER BY seq")?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One flavor.
    pub async fn flavor_fetch(&self, id: &FlavorId) -> Result<Flavor, StoreError> {
        let id = id.clone();
        self.read(move |connection| {
            find(connection, &id)?.ok_or_else(|| StoreError::not_found(KIND, &id).into())
        })
        .await
    }

    /// Changes a flavor. Instances keep the copy they were made with.
    pub async fn flavor_update(
        &self,
        id: &FlavorId,
        wanted: FlavorChange,
    ) -> Result<Flavor, StoreError> {
        wanted.validate()?;
        let id = id.clone();
        self.write(move |change| update(change, &id, &wanted)).await
    }

    /// Deletes a flavor. Instances keep the copy they were made with.
    pub async fn flavor_delete(&self, id: &FlavorId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |change| {
            match change.execute("DELETE FROM flavors WHERE id = ?1", [id.as_str()])? {
                0 => Err(StoreError::not_found(KIND, &id).into()),
                _ => Ok(()),
            }
        })
        .await
    }
}

/// The flavor with that id, if there is one.
pub(crate) fn find(connection: &Connection, id: &FlavorId) -> Tried<Option<Flavor>> {
    let found = connection
        .prepare_cached("SELECT * FROM flavors WHERE id = ?1")?
        .query_row([id.as_str()], read)
        .optional()?;
    Ok(found)
}

fn create(change: &Change<'_>, draft: &NewFlavor) -> Tried<Flavor> {
    let id = match &draft.id {
        Some(id) => id.clone(),
        None => FlavorId::try_from(random::uuid_text())?,
    };
    let flavor = Flavor {
        id,
        name: draft.name.clone(),
        vcpus: draft.vcpus,
        ram_mib: draft.ram_mib,
        disk_gib: draft.disk_gib,
        extra_specs: draft.extra_specs.clone(),
        created_at: clock::now(),
    };
    let inserted = change.execute(
        "INSERT INTO flavors (id, name, vcpus, ram_mib, disk_gib, extra_specs, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            Text(&flavor.id),
            flavor.name,
            flavor.vcpus,
            flavor.ram_mib,
            flavor.disk_gib,
            Json(&flavor.extra_specs),
            flavor.created_at,
        ],
    );
    or_taken(inserted, KIND, &flavor.id, &flavor.name)?;
    Ok(flavor)
}

fn update(change: &Change<'_>, id: &FlavorId, wanted: &FlavorChange) -> Tried<Flavor> {
    let mut flavor = find(change, id)?.ok_or_else(|| StoreError::not_found(KIND, &id))?;
    if let Some(name) = &wanted.name {
        flavor.name.clone_from(name);
    }
    if let Some(extra_specs) = &wanted.extra_specs {
        flavor.extra_specs.clone_from(extra_specs);
    }
    let updated = change.execute(
        "UPDATE flavors SET name = ?2, extra_specs = ?3 WHERE id = ?1",
        params![Text(id), flavor.name, Json(&flavor.extra_specs)],
    );
    or_taken(updated, KIND, id, &flavor.name)?;
    Ok(flavor)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Flavor> {
    Ok(Flavor {
        id: row.get::<_, Text<_>>("id")?.0,
        name: row.get("name")?,
        vcpus: row.get("vcpus")?,
        ram_mib: row.get("ram_mib")?,
        disk_gib: row.get("disk_gib")?,
        extra_specs: row.get::<_, Json<_>>("extra_specs")?.0,
        created_at: row.get("created_at")?,
    })
}
