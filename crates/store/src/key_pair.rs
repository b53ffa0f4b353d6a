//! Key pairs.

use base64::Engine as _;
use innkeeper_model::{KeyPair, KeyPairType, NewKeyPair, ProjectId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::{Text, Word},
    project,
    tried::{Tried, or_taken},
};

const KIND: &str = "key pair";

impl Store {
    /// Makes a key pair known.
    pub async fn key_pair_create(&self, draft: NewKeyPair) -> Result<KeyPair, StoreError> {
        draft.validate()?;
        self.write(move |change| create(change, &draft)).await
    }

    /// The key pairs of one project, or of all, oldest first.
    pub async fn key_pair_list(
        &self,
        project: Option<&ProjectId>,
    ) -> Result<Vec<KeyPair>, StoreError> {
        let project = project.cloned().map(Text);
        self.read(move |connection| {
            let sql = "SELECT * FROM key_pairs WHERE ?1 IS NULL OR project_id = ?1 ORDER BY seq";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([project], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One key pair.
    pub async fn key_pair_fetch(
        &self,
        project: &ProjectId,
        name: &str,
    ) -> Result<KeyPair, StoreError> {
        let (project, name) = (project.clone(), name.to_owned());
        self.read(move |connection| {
            find(connection, &project, &name)?
                .ok_or_else(|| StoreError::not_found(KIND, &name).into())
        })
        .await
    }

    /// Deletes a key pair. Instances keep the copy they were made with.
    pub async fn key_pair_delete(&self, project: &ProjectId, name: &str) -> Result<(), StoreError> {
        let (project, name) = (project.clone(), name.to_owned());
        self.write(move |change| {
            let sql = "DELETE FROM key_pairs WHERE project_id = ?1 AND name = ?2";
            match change.execute(sql, [project.as_str(), &name])? {
                0 => Err(StoreError::not_found(KIND, &name).into()),
                _ => Ok(()),
            }
        })
        .await
    }
}

/// The key pair of that name, if the project has one.
pub(crate) fn find(
    connection: &Connection,
    project: &ProjectId,
    name: &str,
) -> Tried<Option<KeyPair>> {
    let found = connection
        .prepare_cached("SELECT * FROM key_pairs WHERE project_id = ?1 AND name = ?2")?
        .query_row([project.as_str(), name], read)
        .optional()?;
    Ok(found)
}

fn create(change: &Change<'_>, draft: &NewKeyPair) -> Tried<KeyPair> {
    project::must_exist(change, &draft.project_id)?;
    let key_pair = KeyPair {
        name: draft.name.clone(),
        project_id: draft.project_id.clone(),
        key_pair_type: draft.key_pair_type,
        public_key: draft.public_key.clone(),
        fingerprint: fingerprint(draft),
        created_at: clock::now(),
    };
    let inserted = change.execute(
        "INSERT INTO key_pairs (project_id, name, type, public_key, fingerprint, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            Text(&key_pair.project_id),
            key_pair.name,
            Word(key_pair.key_pair_type),
            key_pair.public_key,
            key_pair.fingerprint,
            key_pair.created_at,
        ],
    );
    or_taken(inserted, KIND, &key_pair.name, &key_pair.name)?;
    Ok(key_pair)
}

/// As `ssh-keygen -l` prints it.
fn fingerprint(draft: &NewKeyPair) -> Option<String> {
    if draft.key_pair_type != KeyPairType::Ssh {
        return None;
    }
    let digest = Sha256::digest(draft.openssh_blob()?);
    Some(format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeyPair> {
    Ok(KeyPair {
        name: row.get("name")?,
        project_id: row.get::<_, Text<_>>("project_id")?.0,
        key_pair_type: row.get::<_, Word<_>>("type")?.0,
        public_key: row.get("public_key")?,
        fingerprint: row.get("fingerprint")?,
        created_at: row.get("created_at")?,
    })
}
