//! The file: its mode, its schema, the processes that share it, and their sudden death.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use innkeeper_model::NewPort;
use innkeeper_store::{Store, StoreError, StoreLocation};

use crate::world::{World, id, new_network, new_subnet};

/// Set in the child process that writes until it is killed.
const CHILD: &str = "INNKEEPER_STORE_TEST_FILE";
/// Writes to see acknowledged before the child is killed.
const ACKNOWLEDGED: usize = 20;

async fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(&StoreLocation::File(path.to_owned())).await
}

fn file_in(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("innkeeper.db")
}

#[tokio::test]
async fn a_store_is_the_owner_s_only_and_outlives_its_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file_in(&directory);
    let store = open(&path).await.expect("a fresh store");
    let default = store.project_fetch(&id("default")).await.expect("the default project");
    assert_eq!(default.name, "default");
    let world = World::on(store).await;
    let instance = world.instance("web1", &[]).await;
    for entry in std::fs::read_dir(directory.path()).expect("files") {
        let entry = entry.expect("a file");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    world.store.close().await;
    let closed = world.store.check().await.expect_err("closed");
    assert!(closed.to_string().contains("closed"), "{closed}");
    let again = open(&path).await.expect("the store again");
    assert_eq!(again.instance_fetch(instance.id).await.expect("the instance"), instance);
    again.check().await.expect("health");
}

#[tokio::test]
async fn opening_at_once_is_safe() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file_in(&directory);
    let mut openings = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let path = path.clone();
        openings.spawn(async move { open(&path).await });
    }
    while let Some(opened) = openings.join_next().await {
        let store = opened.expect("no panic").expect("a store");
        assert_eq!(store.project_list().await.expect("projects").len(), 1);
    }
}

#[tokio::test]
async fn two_connections_see_each_other_s_writes_and_keep_values_unique() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file_in(&directory);
    let [one, two] = [open(&path).await.expect("one"), open(&path).await.expect("two")];
    let mut writers = tokio::task::JoinSet::new();
    for index in 0..20 {
        for store in [one.clone(), two.clone()] {
            let draft = new_network(&id("default"), &format!("n{index}"));
            writers.spawn(async move { store.network_create(draft).await });
        }
    }
    let mut refused = 0;
    while let Some(made) = writers.join_next().await {
        match made.expect("no panic") {
            Ok(_) => {}
            Err(StoreError::Conflict { field, .. }) if field == "name" => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 20, "one of each two");
    let mut networks = one.network_list(None).await.expect("networks");
    assert_eq!(networks, two.network_list(None).await.expect("networks"));
    assert_eq!(networks.len(), 20);

    let network = networks.remove(0).id;
    one.subnet_create(new_subnet(network, "10.0.0.0/24")).await.expect("a subnet");
    let mut writers = tokio::task::JoinSet::new();
    for store in (0..20).flat_map(|_| [one.clone(), two.clone()]) {
        let draft = NewPort::on(id("default"), network);
        writers.spawn(async move { store.port_create(draft).await });
    }
    let mut addresses = HashSet::new();
    while let Some(made) = writers.join_next().await {
        let port = made.expect("no panic").expect("a port");
        assert!(addresses.insert(port.fixed_ips[0].ip_address), "{port:?} has another's address");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file_in(&directory);
    open(&path).await.expect("a fresh store").close().await;
    let raw = rusqlite::Connection::open(&path).expect("the file");
    let sql = "INSERT INTO schema_migrations VALUES (999, 'future', 'x', 0)";
    raw.execute(sql, []).expect("a row");
    drop(raw);
    let error = open(&path).await.expect_err("newer");
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("newer Innkeeper") && text.contains("999"), "{text}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn what_cannot_be_a_store_is_refused_with_its_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("no/such/dir/innkeeper.db");
    let error = open(&missing).await.expect_err("no directory").to_string();
    assert!(error.contains("does not exist: make it"), "{error}");
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, however long this text may be. ".repeat(100))
        .expect("a file");
    let error = open(&text).await.expect_err("no database");
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn a_lock_that_is_held_is_something_to_wait_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file_in(&directory);
    let store = open(&path).await.expect("a store");
    let other = rusqlite::Connection::open(&path).expect("the file");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    store.network_list(None).await.expect("readers do not wait");
    let error = store.network_create(new_network(&id("default"), "n")).await.expect_err("locked");
    assert!(error.is_retryable(), "{error}");
    other.execute_batch("ROLLBACK").expect("the lock is free");
    store.network_create(new_network(&id("default"), "n")).await.expect("a network");
}

/// Not a test by itself: the process that [`an_acknowledged_write_survives_a_kill`] starts.
#[tokio::test]
async fn child_that_writes_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&path)).await.expect("a store");
    for index in 0.. {
        let draft = new_network(&id("default"), &format!("child-{index}"));
        store.network_create(draft).await.expect("a network");
        println!("acknowledged {index}");
    }
}

#[tokio::test]
async fn an_acknowledged_write_survives_a_kill() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file_in(&directory);
    let store = open(&path).await.expect("a store");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "files::child_that_writes_until_killed", "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        let line = line.expect("a line");
        // The first one shares its line with the test harness's own words.
        if let Some((_, index)) = line.split_once("acknowledged ") {
            acknowledged.push(index.to_owned());
            // Two processes write by turns.
            let draft = new_network(&id("default"), &format!("parent-{index}"));
            store.network_create(draft).await.expect("a network");
        }
        if acknowledged.len() == ACKNOWLEDGED {
            child.kill().expect("a kill");
        }
    }
    child.wait().expect("its end");
    assert!(acknowledged.len() >= ACKNOWLEDGED, "{acknowledged:?}");
    store.close().await;
    let store = open(&path).await.expect("the store again");
    let networks = store.network_list(None).await.expect("networks");
    for index in acknowledged {
        for who in ["child", "parent"] {
            let name = format!("{who}-{index}");
            assert!(networks.iter().any(|network| network.name == name), "{name} is lost");
        }
    }
}
