//! What a guest posts as its encrypted password.

use innkeeper_model::{InstanceId, Invalid};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{Store, StoreError, change::Change, column::Text, instance_row::KIND, tried::Tried};

/// Bytes a guest may post: what Nova 34.0.0 keeps (four parts of 255).
const PASSWORD_BYTES_MAX: usize = 1020;
const FIELD: &str = "password";

impl Store {
    /// Keeps what the guest posted, once: a second time is refused until it is cleared. Posting
    /// nothing leaves it as it is.
    pub async fn guest_password_set(
        &self,
        id: InstanceId,
        password: String,
    ) -> Result<(), StoreError> {
        self.write(move |change| set(change, id, &password)).await
    }

    /// Forgets what the guest posted, so that it may post again.
    pub async fn guest_password_clear(&self, id: InstanceId) -> Result<(), StoreError> {
        self.write(move |change| {
            if !fetch(change, id)?.is_empty() {
                write(change, id, "")?;
            }
            Ok(())
        })
        .await
    }
}

/// What the guest posted; empty if nothing.
pub(crate) fn fetch(connection: &Connection, id: InstanceId) -> Tried<String> {
    let found = connection
        .prepare_cached("SELECT guest_password FROM instances WHERE id = ?1")?
        .query_row([Text(id)], |row| row.get(0))
        .optional()?;
    found.ok_or_else(|| StoreError::not_found(KIND, &id).into())
}

/// Replaces it by what an imported machine had, of whatever length.
pub(crate) fn replace(change: &mut Change<'_>, id: InstanceId, password: &str) -> Tried<()> {
    if fetch(change, id)? == password {
        return Ok(());
    }
    write_column(change, id, password)
}

fn set(change: &mut Change<'_>, id: InstanceId, password: &str) -> Tried<()> {
    if !fetch(change, id)?.is_empty() {
        let reason = format!("instance {id} has posted one already: clear it first");
        return Err(StoreError::conflict(FIELD, reason).into());
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let reason =
            format!("has {} bytes; at most {PASSWORD_BYTES_MAX} are allowed", password.len());
        return Err(Invalid::new(FIELD, reason).into());
    }
    if password.is_empty() {
        return Ok(());
    }
    write(change, id, password)
}

fn write(change: &mut Change<'_>, id: InstanceId, password: &str) -> Tried<()> {
    write_column(change, id, password)?;
    change.touch_instance(id);
    Ok(())
}

fn write_column(change: &Change<'_>, id: InstanceId, password: &str) -> Tried<()> {
    change
        .prepare_cached("UPDATE instances SET guest_password = ?2 WHERE id = ?1")?
        .execute(params![Text(id), password])?;
    Ok(())
}
