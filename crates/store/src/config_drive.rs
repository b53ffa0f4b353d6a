//! What whoever keeps config drives has to know: which are out of date, and which are nobody's.

use innkeeper_model::{InstanceId, PowerState, Revision};
use rusqlite::OptionalExtension as _;

use crate::{
    Store, StoreError,
    change::Change,
    column::{Count, Text, Word},
    tried::Tried,
};

impl Store {
    /// Revision and power state of each of these instances, in their order; `None` where there is
    /// no such instance. Cheap: rows are not read.
    pub async fn instance_states(
        &self,
        ids: Vec<InstanceId>,
    ) -> Result<Vec<Option<(Revision, PowerState)>>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT revision, power_state FROM instances INDEXED BY instances_revision
                 WHERE id = ?1",
            )?;
            let states = ids.iter().map(|id| {
                let state = statement.query_row([Text(id)], |row| {
                    Ok((row.get::<_, Count>(0)?.0, row.get::<_, Word<_>>(1)?.0))
                });
                state.optional()
            });
            Ok(states.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Instances that were deleted, and whose config drives have not been
    /// [cleared away](Self::config_drive_cleared) since.
    pub async fn abandoned_config_drives(&self) -> Result<Vec<InstanceId>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT instance_id FROM abandoned_config_drives")?;
            let rows = statement.query_map([], |row| Ok(row.get::<_, Text<InstanceId>>(0)?.0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The config drive of an instance that was deleted is no more.
    pub async fn config_drive_cleared(&self, id: InstanceId) -> Result<(), StoreError> {
        self.write(move |change| {
            change
                .prepare_cached("DELETE FROM abandoned_config_drives WHERE instance_id = ?1")?
                .execute([Text(id)])?;
            Ok(())
        })
        .await
    }
}

/// Notes that the config drive of an instance that is being deleted has to go.
pub(crate) fn abandon(change: &Change<'_>, id: InstanceId) -> Tried<()> {
    change
        .prepare_cached("INSERT OR IGNORE INTO abandoned_config_drives VALUES (?1)")?
        .execute([Text(id)])?;
    Ok(())
}
