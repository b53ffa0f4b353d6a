//! The schema's steps, inside the binary, each applied once.

use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use crate::{StoreError, clock, connection::retry_while_locked, tried::Tried};

/// Marks the file as ours: "INKP".
const APPLICATION_ID: i64 = 0x494e_4b50;

struct Migration {
    name: &'static str,
    sql: &'static str,
}

/// In order; the first has version 1. A released one is never edited: add another.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "first", sql: include_str!("../migrations/0001_first.sql") },
    Migration { name: "imported", sql: include_str!("../migrations/0002_imported.sql") },
    Migration { name: "config drives", sql: include_str!("../migrations/0003_config_drives.sql") },
    Migration {
        name: "ports for hosts",
        sql: include_str!("../migrations/0004_ports_for_hosts.sql"),
    },
];

/// Brings the schema up to date, all or nothing. Processes that open at once take turns.
pub(crate) fn migrate(connection: &mut Connection) -> Tried<()> {
    retry_while_locked(|| migrate_once(connection, MIGRATIONS))
}

fn migrate_once(connection: &mut Connection, migrations: &[Migration]) -> Tried<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    check_owner(&transaction)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
             version INTEGER PRIMARY KEY,
             name TEXT NOT NULL,
             sha256 TEXT NOT NULL,
             applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    let applied = applied(&transaction)?;
    check_applied(&applied, migrations)?;
    for (index, migration) in migrations.iter().enumerate().skip(applied.len()) {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO schema_migrations (version, name, sha256, applied_at)
             VALUES (?1, ?2, ?3, ?4)",
            params![version(index), migration.name, checksum(migration.sql), clock::now()],
        )?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(transaction.commit()?)
}

/// Refuses a database that another program made.
fn check_owner(connection: &Connection) -> Tried<()> {
    let owner: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if owner == APPLICATION_ID || (owner == 0 && tables == 0) {
        return Ok(());
    }
    Err(StoreError::internal("it is a database of another program: choose another path").into())
}

fn applied(connection: &Connection) -> Tried<Vec<(i64, String)>> {
    let mut statement =
        connection.prepare("SELECT version, sha256 FROM schema_migrations ORDER BY version")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn check_applied(applied: &[(i64, String)], migrations: &[Migration]) -> Tried<()> {
    let known = version(migrations.len()) - 1;
    for (index, (found, sum)) in applied.iter().enumerate() {
        if *found > known {
            let reason = format!(
                "its schema has version {}, and this program knows versions up to {known}: it was \
                 written by a newer Innkeeper; run that one, or restore a backup from before",
                applied.last().map_or(*found, |last| last.0)
            );
            return Err(StoreError::internal(reason).into());
        }
        if *found != version(index) || *sum != checksum(migrations[index].sql) {
            let reason = format!(
                "version {found} of its schema is not the one this program knows: it was written \
                 by a modified or unreleased Innkeeper"
            );
            return Err(StoreError::internal(reason).into());
        }
    }
    Ok(())
}

fn version(index: usize) -> i64 {
    i64::try_from(index + 1).expect("a handful of migrations")
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FURTHER: &str = "CREATE TABLE further (id INTEGER PRIMARY KEY) STRICT";

    fn refusal(result: Tried<()>) -> String {
        StoreError::from(result.expect_err("should be refused")).to_string()
    }

    #[test]
    fn steps_are_applied_once_and_in_order() {
        let mut connection = Connection::open_in_memory().expect("memory");
        migrate(&mut connection).expect("fresh");
        migrate(&mut connection).expect("again");
        let known = MIGRATIONS.iter().map(|one| Migration { name: one.name, sql: one.sql });
        let further = Migration { name: "further", sql: FURTHER };
        let more: Vec<_> = known.chain([further]).collect();
        migrate_once(&mut connection, &more).expect("an upgrade");
        let newer = refusal(migrate(&mut connection));
        assert!(newer.contains(&format!("schema has version {}", more.len())), "{newer}");
        assert!(newer.contains(&format!("up to {}", MIGRATIONS.len())), "{newer}");
    }

    #[test]
    fn a_database_of_the_first_version_is_brought_up_to_date() {
        let mut connection = Connection::open_in_memory().expect("memory");
        migrate_once(&mut connection, &MIGRATIONS[..1]).expect("the first version");
        let port = "INSERT INTO networks VALUES (1, 'n', 'default', 'n', NULL, NULL, 0, 1, 0);
                    INSERT INTO ports VALUES (1, 'p', 'default', 'n', '', 'm', '[]', NULL, NULL,
                                              NULL, 0, NULL, NULL, 0)";
        connection.execute_batch(port).expect("a port");
        migrate(&mut connection).expect("an upgrade");
        let options = "SELECT extra_dhcp_opts FROM ports";
        let options: String = connection.query_row(options, [], |row| row.get(0)).expect("a port");
        assert_eq!(options, "[]");
        let imported = "SELECT count(*) FROM imported_instances";
        let rows: i64 = connection.query_row(imported, [], |row| row.get(0)).expect("a table");
        assert_eq!(rows, 0);
    }

    #[test]
    fn an_edited_step_is_refused() {
        let mut connection = Connection::open_in_memory().expect("memory");
        migrate_once(&mut connection, &[Migration { name: "other", sql: FURTHER }]).expect("fresh");
        let refused = refusal(migrate(&mut connection));
        assert!(refused.contains("version 1 of its schema is not"), "{refused}");
    }

    #[test]
    fn a_failing_step_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().expect("memory");
        let broken = [Migration { name: "broken", sql: "CREATE TABLE t (id); SELECT nonsense" }];
        migrate_once(&mut connection, &broken).expect_err("broken");
        migrate(&mut connection).expect("a good schema on the untouched file");
    }

    #[test]
    fn another_program_s_database_is_refused() {
        let mut connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch("CREATE TABLE theirs (id)").expect("a table");
        let refused = refusal(migrate(&mut connection));
        assert!(refused.contains("another program"), "{refused}");
    }

    #[test]
    fn every_table_has_a_primary_key() {
        let mut connection = Connection::open_in_memory().expect("memory");
        migrate(&mut connection).expect("fresh");
        let sql = "SELECT t.name FROM pragma_table_list t
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
                   AND NOT EXISTS (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.pk > 0)";
        let mut statement = connection.prepare(sql).expect("sql");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        let bare: Vec<String> = rows.map(|name| name.expect("a name")).collect();
        assert!(bare.is_empty(), "tables without a primary key: {bare:?}");
    }
}
