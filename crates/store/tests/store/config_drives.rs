//! What whoever keeps config drives relies on.

use innkeeper_model::{InstanceChange, InstanceId, PowerState};

use crate::world::World;

fn power(state: PowerState) -> InstanceChange {
    InstanceChange { power_state: Some(state), ..InstanceChange::default() }
}

#[tokio::test]
async fn a_first_launch_under_force_gives_a_drive_for_good() {
    let world = World::new().await;
    let store = &world.store;
    let id = world.instance("web1", &[]).await.id;
    let renamed = InstanceChange { name: Some("web2".to_owned()), ..InstanceChange::default() };
    let changed = store.instance_update_forcing(id, renamed, true).await.expect("an update");
    assert!(!changed.config_drive, "it was not launched");
    let launched = store.instance_update_forcing(id, power(PowerState::Running), true).await;
    let launched = launched.expect("launched");
    assert!(launched.config_drive);
    assert_eq!(launched.revision, changed.revision, "its documents are the same");
    store.instance_update(id, power(PowerState::Shutdown)).await.expect("stopped");
    let kept = store.instance_fetch(id).await.expect("the instance");
    assert_eq!((kept.config_drive, kept.revision), (true, launched.revision), "it is written");

    let late = world.instance("late", &[]).await.id;
    store.instance_update(late, power(PowerState::Running)).await.expect("launched");
    store.instance_update(late, power(PowerState::Shutdown)).await.expect("stopped");
    let again = store.instance_update_forcing(late, power(PowerState::Running), true).await;
    assert!(!again.expect("launched again").config_drive, "it was launched without one");
}

#[tokio::test]
async fn states_are_those_of_the_instances_asked_for() {
    let world = World::new().await;
    let web1 = world.instance("web1", &[]).await.id;
    let web2 = world.instance("web2", &[]).await.id;
    world.store.instance_update(web2, power(PowerState::Running)).await.expect("launched");
    let renamed = InstanceChange { name: Some("w".to_owned()), ..InstanceChange::default() };
    world.store.instance_update(web1, renamed).await.expect("an update");
    let ids = vec![web2, InstanceId::random(), web1];
    let states = world.store.instance_states(ids).await.expect("states");
    assert_eq!(states, [Some((1, PowerState::Running)), None, Some((2, PowerState::Unknown))]);
}

#[tokio::test]
async fn the_drive_of_a_deleted_instance_is_remembered_until_it_is_gone() {
    let world = World::new().await;
    let store = &world.store;
    assert_eq!(store.abandoned_config_drives().await.expect("a list"), []);
    let id = world.instance("web1", &[]).await.id;
    store.instance_delete(id).await.expect("a deletion");
    assert!(store.instance_delete(id).await.is_err());
    assert_eq!(store.abandoned_config_drives().await.expect("a list"), [id]);
    store.config_drive_cleared(id).await.expect("cleared");
    assert_eq!(store.abandoned_config_drives().await.expect("a list"), []);
}

#[tokio::test]
async fn every_committed_write_is_counted() {
    let world = World::new().await;
    let id = world.instance("web1", &[]).await.id;
    let before = world.store.commits();
    world.store.instance_fetch(id).await.expect("the instance");
    let refused = world.store.instance_update(InstanceId::random(), power(PowerState::Running));
    assert!(refused.await.is_err());
    assert_eq!(world.store.commits(), before, "nothing was written");
    world.store.clone().instance_delete(id).await.expect("a deletion");
    assert!(world.store.commits() > before);
}
