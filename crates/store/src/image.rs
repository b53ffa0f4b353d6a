//! Images.

use innkeeper_model::{Image, ImageChange, ImageId, Invalid, NewImage, ProjectId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::{Json, Text},
    project,
    tried::{Tried, or_taken},
};

const KIND: &str = "image";

impl Store {
    /// Makes an image known.
    pub async fn image_create(&self, draft: NewImage) -> Result<Image, StoreError> {
        draft.validate()?;
        self.write(move |change| create(change, &draft)).await
    }

    /// The images of one project, or of all, oldest first.
    pub async fn image_list(&self, project: Option<&ProjectId>) -> Result<Vec<Image>, StoreError> {
        let project = project.cloned().map(Text);
        self.read(move |connection| {
            let sql = "SELECT * FROM images WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([project], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One image.
    pub async fn image_fetch(&self, id: ImageId) -> Result<Image, StoreError> {
        self.read(move |connection| fetch(connection, id)).await
    }

    /// Changes an image. Instances keep what they were made from.
    pub async fn image_update(
        &self,
        id: ImageId,
        wanted: ImageChange,
    ) -> Result<Image, StoreError> {
        wanted.validate()?;
        self.write(move |change| update(change, id, &wanted)).await
    }

    /// Deletes an image that no other image names as its kernel or ramdisk.
    pub async fn image_delete(&self, id: ImageId) -> Result<(), StoreError> {
        self.write(move |change| delete(change, id)).await
    }
}

/// The image that `field` of a draft names, which must be the same project's.
pub(crate) fn referenced(
    connection: &Connection,
    field: &str,
    id: ImageId,
    project: &ProjectId,
) -> Tried<Image> {
    let Some(image) = find(connection, id)? else {
        return Err(
            Invalid::new(field, format!("there is no image {id}: make it known first")).into()
        );
    };
    if image.project_id != *project {
        let reason =
            format!("image {id} belongs to project {}, not to {project}", image.project_id);
        return Err(Invalid::new(field, reason).into());
    }
    Ok(image)
}

fn create(change: &Change<'_>, draft: &NewImage) -> Tried<Image> {
    project::must_exist(change, &draft.project_id)?;
    for (field, id) in [("kernel_id", draft.kernel_id), ("ramdisk_id", draft.ramdisk_id)] {
        if let Some(id) = id {
            referenced(change, field, id, &draft.project_id)?;
        }
    }
    let image = Image {
        id: draft.id.unwrap_or_else(ImageId::random),
        project_id: draft.project_id.clone(),
        name: draft.name.clone(),
        file: draft.file.clone(),
        disk_format: draft.disk_format.clone(),
        kernel_id: draft.kernel_id,
        ramdisk_id: draft.ramdisk_id,
        properties: draft.properties.clone(),
        created_at: clock::now(),
    };
    let inserted = change.execute(
        "INSERT INTO images (id, project_id, name, file, disk_format, kernel_id, ramdisk_id,
                             properties, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            Text(image.id),
            Text(&image.project_id),
            image.name,
            image.file,
            image.disk_format,
            image.kernel_id.map(Text),
            image.ramdisk_id.map(Text),
            Json(&image.properties),
            image.created_at,
        ],
    );
    or_taken(inserted, KIND, image.id, &image.name)?;
    Ok(image)
}

fn update(change: &Change<'_>, id: ImageId, wanted: &ImageChange) -> Tried<Image> {
    let mut image = fetch(change, id)?;
    if let Some(name) = &wanted.name {
        image.name.clone_from(name);
    }
    if let Some(properties) = &wanted.properties {
        image.properties.clone_from(properties);
    }
    let updated = change.execute(
        "UPDATE images SET name = ?2, properties = ?3 WHERE id = ?1",
        params![Text(id), image.name, Json(&image.properties)],
    );
    or_taken(updated, KIND, id, &image.name)?;
    Ok(image)
}

fn delete(change: &Change<'_>, id: ImageId) -> Tried<()> {
    fetch(change, id)?;
    let user: Option<String> = change
        .prepare_cached(
            "SELECT id FROM images WHERE (kernel_id = ?1 OR ramdisk_id = ?1) AND id <> ?1 LIMIT 1",
        )?
        .query_row([Text(id)], |row| row.get(0))
        .optional()?;
    if let Some(user) = user {
        return Err(StoreError::in_use(KIND, &id, format!("image {user}")).into());
    }
    change.execute("DELETE FROM images WHERE id = ?1", [Text(id)])?;
    Ok(())
}

fn fetch(connection: &Connection, id: ImageId) -> Tried<Image> {
    find(connection, id)?.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

fn find(connection: &Connection, id: ImageId) -> Tried<Option<Image>> {
    let found = connection
        .prepare_cached("SELECT * FROM images WHERE id = ?1")?
        .query_row([Text(id)], read)
        .optional()?;
    Ok(found)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Image> {
    Ok(Image {
        id: row.get::<_, Text<_>>("id")?.0,
        project_id: row.get::<_, Text<_>>("project_id")?.0,
        name: row.get("name")?,
        file: row.get("file")?,
        disk_format: row.get("disk_format")?,
        kernel_id: row.get::<_, Option<Text<_>>>("kernel_id")?.map(|id| id.0),
        ramdisk_id: row.get::<_, Option<Text<_>>>("ramdisk_id")?.map(|id| id.0),
        properties: row.get::<_, Json<_>>("properties")?.0,
        created_at: row.get("created_at")?,
    })
}
