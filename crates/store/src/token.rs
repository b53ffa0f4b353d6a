//! Tokens of the control API. Only their hashes are kept.

use base64::Engine as _;
use innkeeper_model::{Invalid, Secret, TokenId, TokenRecord, TokenScope, limits};
use rusqlite::{OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    Store, StoreError,
    change::Change,
    clock,
    column::{Text, Word},
    random,
    tried::Tried,
};

/// What tokens begin with, so that scanners of leaked secrets can know them.
const PREFIX: &str = "innkeeper_";
/// As hard to guess as the hash is to invert.
const RANDOM_BYTES: usize = 32;

impl Store {
    /// Makes a token. The second value is the token itself, which is shown this once.
    pub async fn token_create(
        &self,
        scope: TokenScope,
        description: &str,
    ) -> Result<(TokenRecord, Secret), StoreError> {
        check_description(description)?;
        let description = description.to_owned();
        self.write(move |change| create(change, scope, &description)).await
    }

    /// What the bearer of `presented` may do; `None` if it is no token of ours.
    pub async fn token_scope(&self, presented: &str) -> Result<Option<TokenScope>, StoreError> {
        let hash = hash(presented);
        self.read(move |connection| {
            let found = connection
                .prepare_cached("SELECT sha256, scope FROM tokens WHERE sha256 = ?1")?
                .query_row([hash], |row| {
                    Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Word<_>>(1)?.0))
                })
                .optional()?;
            // The index compares hashes, of which a caller cannot choose the bytes; this makes the
            // last word independent of how the database compares.
            Ok(found.and_then(|(kept, scope)| bool::from(kept.ct_eq(&hash)).then_some(scope)))
        })
        .await
    }

    /// All tokens, oldest first; not the tokens themselves.
    pub async fn token_list(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM tokens ORDER BY seq")?;
            let rows = statement.query_map([], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Deletes a token, which opens nothing from then on.
    pub async fn token_delete(&self, id: TokenId) -> Result<(), StoreError> {
        self.write(move |change| {
            match change.execute("DELETE FROM tokens WHERE id = ?1", [Text(id)])? {
                0 => Err(StoreError::not_found("token", &id).into()),
                _ => Ok(()),
            }
        })
        .await
    }
}

fn check_description(description: &str) -> Result<(), Invalid> {
    let chars = description.chars().count();
    if chars > limits::NAME_CHARS_MAX || description.chars().any(char::is_control) {
        let reason = format!(
            "must be one line of at most {} characters; this has {chars}",
            limits::NAME_CHARS_MAX
        );
        return Err(Invalid::new("description", reason));
    }
    Ok(())
}

fn create(
    change: &Change<'_>,
    scope: TokenScope,
    description: &str,
) -> Tried<(TokenRecord, Secret)> {
    let random = random::bytes::<RANDOM_BYTES>()?;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random);
    let token = Secret::new(format!("{PREFIX}{text}"));
    let record = TokenRecord {
        id: TokenId::random(),
        scope,
        description: description.to_owned(),
        created_at: clock::now(),
    };
    change.execute(
        "INSERT INTO tokens (id, scope, description, sha256, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            Text(record.id),
            Word(record.scope),
            record.description,
            hash(token.expose()),
            record.created_at,
        ],
    )?;
    Ok((record, token))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn read(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get::<_, Text<_>>("id")?.0,
        scope: row.get::<_, Word<_>>("scope")?.0,
        description: row.get("description")?,
        created_at: row.get("created_at")?,
    })
}
