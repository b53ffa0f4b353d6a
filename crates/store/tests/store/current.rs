//! What is kept in memory is never older than the last acknowledged change.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use innkeeper_model::{InstanceChange, InstanceId, Origin, OriginScope, PortChange, PowerState};
use innkeeper_store::{KeptRecord, Store, StoreLocation};

use crate::world::{World, address, at, new_instance};

/// What the writer counts up in.
const COUNT: &str = "count";

async fn open(path: &Path) -> Store {
    Store::open(&StoreLocation::File(path.to_owned())).await.expect("a store")
}

async fn current(store: &Store, id: InstanceId) -> Arc<KeptRecord> {
    store.current_record(id).await.expect("a read").expect("a record")
}

fn counted(count: u64) -> InstanceChange {
    let mut change = InstanceChange::default();
    change.set_metadata.insert(COUNT.to_owned(), count.to_string());
    change
}

fn shown(record: &KeptRecord) -> u64 {
    let metadata = serde_json::to_value(&record.instance.metadata).expect("JSON");
    metadata[COUNT].as_str().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Readers of `stores` against a writer in `writer`: each answer shows at least the last count that
/// was acknowledged before it was asked for, and its port is at least at the last address.
async fn hammer(stores: Vec<Store>, writer: Store, changes: u64) {
    let world = World::on(writer).await;
    let (network, _) = world.network_with("blue", "10.0.0.0/16").await;
    let id = world.instance("watched", &[network.id]).await.id;
    let port = world.ports_of(id).await.remove(0).id;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let place = |count: u64| address(&format!("10.0.{}.{}", 1 + count / 200, 1 + count % 200));
    let scope = OriginScope::Network(network.id);
    let mut readers = tokio::task::JoinSet::new();
    for store in stores.into_iter().flat_map(|store| [store.clone(), store]) {
        let (acknowledged, over) = (Arc::clone(&acknowledged), Arc::clone(&over));
        readers.spawn(async move {
            let (mut reads, mut last) = (0_u64, 0);
            while !over.load(Ordering::Acquire) {
                let before = acknowledged.load(Ordering::Acquire);
                let count = shown(&*current(&store, id).await);
                assert!(count >= before, "{count} is older than {before}");
                assert!(count >= last, "{count} is older than {last}, which was given already");
                last = count;
                // An address given up before it was asked for finds nobody.
                if let Some(former) = before.checked_sub(1) {
                    let origin = Origin::new(scope, place(former));
                    let owner = store.port_owner(&origin).await.expect("a read");
                    assert!(owner.is_err(), "{origin} was given up");
                }
                // Whoever is found at the next one will be found there until it moves on: kept.
                let origin = Origin::new(scope, place(before + 1));
                let _ = store.port_owner(&origin).await.expect("a read");
                reads += 1;
                tokio::task::yield_now().await;
            }
            reads
        });
    }
    for count in 1..=changes {
        let fixed_ips = Some(vec![at(&place(count).to_string())]);
        let change = PortChange { fixed_ips, ..PortChange::default() };
        world.store.port_update(port, change).await.expect("an update");
        world.store.instance_update(id, counted(count)).await.expect("an update");
        acknowledged.store(count, Ordering::Release);
    }
    over.store(true, Ordering::Release);
    while let Some(reads) = readers.join_next().await {
        assert!(reads.expect("no stale answer") > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_older_than_the_last_acknowledged_change_in_memory() {
    let store = Store::open(&StoreLocation::Memory).await.expect("a store");
    hammer(vec![store.clone(), store.clone()], store, 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_is_older_than_the_last_acknowledged_change_whoever_made_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("innkeeper.db");
    let (own, other) = (open(&path).await, open(&path).await);
    hammer(vec![own.clone(), other], own, 300).await;
}

#[tokio::test]
async fn nothing_is_read_while_nothing_is_committed() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::on(open(&directory.path().join("innkeeper.db")).await).await;
    let (network, _) = world.network_with("blue", "10.0.0.0/24").await;
    let id = world.instance("watched", &[network.id]).await.id;
    let from = world.ports_of(id).await.remove(0).fixed_ips[0].ip_address;
    let origin = Origin::new(OriginScope::Network(network.id), from);
    let owner = world.store.port_owner(&origin).await.expect("a read").expect("an owner");
    let first = current(&world.store, id).await;
    world.store.close().await;
    assert_eq!(world.store.port_owner(&origin).await.expect("kept").as_ref(), Ok(&owner));
    assert_eq!(current(&world.store, id).await.number(), first.number());
    assert!(world.store.guest_record(id).await.is_err(), "the database was read after all");
}

#[tokio::test]
async fn a_record_stays_the_same_until_it_changes() {
    for world in [World::new().await, {
        let directory = tempfile::tempdir().expect("a directory").keep();
        World::on(open(&directory.join("innkeeper.db")).await).await
    }] {
        let id = world.instance("watched", &[]).await.id;
        let first = current(&world.store, id).await;
        world.instance("another", &[]).await;
        let same = current(&world.store, id).await;
        assert_eq!(first.number(), same.number(), "what is another's has changed");
        let running = InstanceChange { power_state: Some(PowerState::Running), ..<_>::default() };
        world.store.instance_update(id, running).await.expect("an update");
        assert_eq!(current(&world.store, id).await.number(), first.number(), "it is not shown");
        world.store.instance_update(id, counted(7)).await.expect("an update");
        let changed = current(&world.store, id).await;
        assert_ne!(changed.number(), first.number());
        assert_eq!(shown(&changed), 7);
    }
}

#[tokio::test]
async fn an_id_that_is_given_again_is_another_instance() {
    let world = World::new().await;
    let draft = |name: &str| {
        let mut draft = new_instance(&world.project, name);
        draft.id = Some("00000000-0000-4000-8000-000000000001".parse().expect("an id"));
        draft
    };
    let first = world.store.instance_create(draft("first")).await.expect("an instance");
    assert_eq!(current(&world.store, first.id).await.instance.name, "first");
    world.store.instance_delete(first.id).await.expect("deleted");
    assert!(world.store.current_record(first.id).await.expect("a read").is_none());
    let second = world.store.instance_create(draft("second")).await.expect("an instance");
    assert_eq!((first.id, first.revision), (second.id, second.revision));
    assert_eq!(current(&world.store, second.id).await.instance.name, "second");
}

/// Closing a descriptor of a file drops the whole process's locks on it: those of another store on
/// the same file must outlast the end of the first.
#[tokio::test]
async fn one_store_s_end_leaves_another_s_locks() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("innkeeper.db");
    let (first, second) = (open(&path).await, open(&path).await);
    let index = fs::metadata(directory.path().join("innkeeper.db-shm")).expect("an index").ino();
    let is_locked = || {
        let locks = fs::read_to_string("/proc/locks").expect("procfs");
        locks.lines().any(|line| line.contains(&format!(":{index} ")))
    };
    assert!(is_locked());
    first.close().await;
    drop(first);
    assert!(is_locked(), "another process would think that nobody is there");
    second.close().await;
    drop(second);
    assert!(!is_locked());
}
