//! Config drives through the real client, on a real disk.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod fixture;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fixture::{Served, flavor, new_network, project, serve, serve_with, subnet};
use innkeeper_control_api::{ConfigDrive, ControlError, KeepConfigDrive};
use innkeeper_image::Drive;
use innkeeper_model::{
    Image, Instance, InstanceChange, InstanceId, Network, NetworkRequest, NewImage, NewInstance,
    PowerState, Properties, Subnet, SubnetChange,
};
use serde_json::Value;

/// How long anything may take that happens at once unless it never does.
const PATIENCE: Duration = Duration::from_secs(20);

/// An instance on a network of its own.
async fn instance(served: &Served, config_drive: bool) -> (Instance, Subnet) {
    let client = &served.client;
    let p1 = project(client, "p1").await;
    let network = client.create::<Network>(&new_network(&p1, "blue")).await.expect("a network");
    let blue = subnet(client, network.id, "blue", "10.0.0.0/24").await;
    let mut new = NewInstance::named("web1", p1, flavor(client).await.id);
    new.networks = vec![NetworkRequest::Network(network.id)];
    new.config_drive = config_drive;
    (client.create::<Instance>(&new).await.expect("an instance"), blue)
}

async fn keep(served: &Served, id: InstanceId) -> ConfigDrive {
    served.client.config_drive_keep(id, &KeepConfigDrive::default()).await.expect("kept")
}

async fn refused(served: &Served, id: InstanceId) -> (u16, String) {
    let kept = served.client.config_drive_keep(id, &KeepConfigDrive::default()).await;
    refusal(&kept.expect_err("refused"))
}

fn refusal(error: &ControlError) -> (u16, String) {
    let ControlError::Refused { status, message, .. } = error else {
        panic!("not refused: {error}");
    };
    (status.as_u16(), message.clone())
}

fn document(image: &[u8], path: &str) -> Value {
    let drive = Drive::open(image).expect("a drive");
    assert_eq!(drive.label(), "config-2");
    let entry = drive.find(path).expect("readable").expect("it is there");
    serde_json::from_slice(&drive.read(&entry).expect("readable")).expect("JSON")
}

fn meta_data(image: &[u8]) -> Value {
    document(image, "openstack/latest/meta_data.json")
}

/// Waits until the drive at `path` says so.
async fn until(path: &str, what: &str, says: impl Fn(&[u8]) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !fs::read(path).is_ok_and(|image| says(&image)) {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A program in place of `mkisofs`. Written by another process: no child of this one has it open
/// for writing when it is run.
fn program(directory: &Path, script: &str) -> PathBuf {
    let (text, program) = (directory.join("text"), directory.join("mkisofs"));
    fs::write(&text, format!("#!/bin/sh\n{script}")).expect("written");
    let mut install = std::process::Command::new("install");
    install.args(["-m", "755"]).args([&text, &program]);
    assert!(install.status().expect("it runs").success(), "{}", program.display());
    program
}

async fn rename(served: &Served, id: InstanceId, name: &str) {
    let change = InstanceChange { name: Some(name.to_owned()), ..InstanceChange::default() };
    served.client.update::<Instance>(&id, &change).await.expect("a change");
}

async fn power(served: &Served, id: InstanceId, state: PowerState) -> Instance {
    let change = InstanceChange { power_state: Some(state), ..InstanceChange::default() };
    served.client.update::<Instance>(&id, &change).await.expect("a change")
}

#[tokio::test]
async fn a_drive_is_made_once_and_kept() {
    let served = serve().await;
    let (instance, _) = instance(&served, true).await;
    let (status, message) =
        refusal(&served.client.config_drive_kept(instance.id).await.expect_err("not kept yet"));
    assert_eq!(status, 404);
    assert!(message.contains("`innkeeper config-drive rebuild "), "{message}");

    let kept = keep(&served, instance.id).await;
    assert_eq!((kept.instance_id, kept.revision), (instance.id, instance.revision));
    assert!(kept.is_current && kept.format == "iso9660", "{kept:?}");
    let image = fs::read(&kept.path).expect("the kept file");
    assert_eq!(image.len() as u64, kept.size);
    assert_eq!(served.client.config_drive_kept(instance.id).await.expect("read"), image);
    assert_eq!(meta_data(&image)["uuid"], instance.id.to_string());
    assert_eq!(keep(&served, instance.id).await, kept, "the same one again");

    let rebuild = KeepConfigDrive { rebuild: true };
    let anew = served.client.config_drive_keep(instance.id, &rebuild).await.expect("kept");
    assert_ne!(anew.sha256, kept.sha256, "its random bytes are new");
}

#[tokio::test]
async fn only_who_is_to_have_a_drive_has_one_but_any_can_be_looked_at() {
    let served = serve().await;
    let (instance, _) = instance(&served, false).await;
    let (status, message) = refused(&served, instance.id).await;
    assert_eq!(status, 409);
    assert!(message.contains("--config-drive true"), "{message}");
    let build = |format, seed| served.client.config_drive_build(instance.id, format, seed);
    for format in ["iso9660", "vfat", "vhd"] {
        let image = build(format, Some("s")).await.expect("an image");
        assert_eq!(meta_data(&image)["name"], "web1", "{format}");
        assert_eq!(build(format, Some("s")).await.expect("an image"), image, "{format}");
        let other = build(format, Some("t")).await.expect("an image");
        assert_ne!(meta_data(&other)["random_seed"], meta_data(&image)["random_seed"], "{format}");
    }
    let none = build("iso9660", None).await.expect("an image");
    assert_ne!(build("iso9660", None).await.expect("an image"), none, "no seed, no repetition");
    let (status, message) = refusal(&build("iso", None).await.expect_err("no such format"));
    assert_eq!(status, 400);
    assert!(message.contains("iso9660, vfat and vhd"), "{message}");
    assert!(!served.directory.path().join("instances").exists(), "nothing is kept");

    let nobody = InstanceId::random();
    assert_eq!(refused(&served, nobody).await, (404, format!("there is no instance {nobody}")));
    let unknown = served.client.config_drive_build(nobody, "vhd", None).await;
    assert_eq!(refusal(&unknown.expect_err("nobody")).0, 404);
}

#[tokio::test]
async fn many_at_once_wait_for_each_other() {
    let served = serve().await;
    let (instance, _) = instance(&served, true).await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..24 {
        let (client, id) = (served.client.clone(), instance.id);
        asked.spawn(async move {
            if number % 2 == 0 {
                let wanted = KeepConfigDrive { rebuild: true };
                client.config_drive_keep(id, &wanted).await.map(drop)
            } else {
                client.config_drive_build(id, "iso9660", None).await.map(drop)
            }
        });
    }
    while let Some(answered) = asked.join_next().await {
        answered.expect("no panic").expect("an answer");
    }
    let kept = keep(&served, instance.id).await;
    served.client.config_drive_kept(instance.id).await.expect("whole");
    assert!(kept.is_current);
}

#[tokio::test]
async fn the_drive_of_who_does_not_run_follows_every_change() {
    let served = serve().await;
    let (instance, blue) = instance(&served, true).await;
    let path = keep(&served, instance.id).await.path;
    rename(&served, instance.id, "web2").await;
    until(&path, "the new name", |image| meta_data(image)["name"] == "web2").await;
    let nameserver = "192.0.2.53".parse().expect("an address");
    let change =
        SubnetChange { dns_nameservers: Some(vec![nameserver]), ..SubnetChange::default() };
    served.client.update::<Subnet>(&blue.id, &change).await.expect("a change");
    until(&path, "the subnet's name server", |image| {
        document(image, "openstack/latest/network_data.json").to_string().contains("192.0.2.53")
    })
    .await;
    assert!(keep(&served, instance.id).await.is_current);
}

#[tokio::test]
async fn the_drive_of_who_runs_is_left_alone_until_it_is_asked_for() {
    let served = serve().await;
    let (instance, _) = instance(&served, true).await;
    let kept = keep(&served, instance.id).await;
    power(&served, instance.id, PowerState::Running).await;
    assert!(keep(&served, instance.id).await.is_current, "a launch changes no document");
    rename(&served, instance.id, "web2").await;
    let left = keep(&served, instance.id).await;
    assert_eq!(left, ConfigDrive { is_current: false, ..kept.clone() });

    let rebuild = KeepConfigDrive { rebuild: true };
    let anew = served.client.config_drive_keep(instance.id, &rebuild).await.expect("kept");
    assert!(anew.is_current && anew.sha256 != kept.sha256, "{anew:?}");

    rename(&served, instance.id, "web3").await;
    power(&served, instance.id, PowerState::Shutdown).await;
    until(&kept.path, "it no longer runs", |image| meta_data(image)["name"] == "web3").await;
}

#[tokio::test]
async fn force_gives_a_drive_to_who_was_never_launched_and_it_stays() {
    let served = serve_with(|setup| setup.force = true).await;
    let (instance, _) = instance(&served, false).await;
    assert!(!instance.config_drive);
    assert!(keep(&served, instance.id).await.is_current);
    let launched = power(&served, instance.id, PowerState::Running).await;
    assert!(launched.config_drive, "it was launched with one");
    assert!(keep(&served, instance.id).await.is_current);
}

#[tokio::test]
async fn an_image_can_demand_a_drive() {
    let served = serve().await;
    let project_id = project(&served.client, "p1").await;
    let properties: Properties =
        [("img_config_drive".to_owned(), "mandatory".to_owned())].into_iter().collect();
    let new = NewImage {
        id: None,
        project_id: project_id.clone(),
        name: "windows".to_owned(),
        file: None,
        disk_format: "qcow2".to_owned(),
        kernel_id: None,
        ramdisk_id: None,
        properties,
    };
    let image = served.client.create::<Image>(&new).await.expect("an image");
    let mut new = NewInstance::named("win1", project_id, flavor(&served.client).await.id);
    new.image_id = Some(image.id);
    let made = served.client.create::<Instance>(&new).await.expect("an instance");
    assert!(made.config_drive);
    keep(&served, made.id).await;
}

#[tokio::test]
async fn a_drive_goes_with_its_instance() {
    let served = serve().await;
    let (instance, _) = instance(&served, true).await;
    let kept = keep(&served, instance.id).await;
    served.client.delete::<Instance>(&instance.id).await.expect("deleted");
    assert!(!PathBuf::from(&kept.path).exists(), "it is gone when the instance is");

    let flavor = instance.flavor.id;
    let mut again = NewInstance::named("other", instance.project_id.clone(), flavor);
    (again.id, again.config_drive) = (Some(instance.id), true);
    served.client.create::<Instance>(&again).await.expect("made with the same id");
    let path = keep(&served, instance.id).await.path;
    // Deleted without the control API, as another process does, and made anew at once.
    served.store.instance_delete(instance.id).await.expect("deleted");
    served.store.instance_create(again).await.expect("made with the same id");
    let none = served.client.config_drive_kept(instance.id).await.expect_err("another's drive");
    assert_eq!(refusal(&none).0, 404);
    assert!(!PathBuf::from(&path).exists());

    let path = PathBuf::from(keep(&served, instance.id).await.path);
    served.store.instance_delete(instance.id).await.expect("deleted");
    let end = Instant::now() + PATIENCE;
    while path.exists() {
        assert!(Instant::now() < end, "waited in vain for the drive to go");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_and_tried_again() {
    let served = serve_with(|setup| {
        fs::write(setup.shelf.instances_path(), "a file").expect("written");
    })
    .await;
    let (instance, _) = instance(&served, true).await;
    let (status, message) = refused(&served, instance.id).await;
    assert_eq!(status, 500);
    let instances = served.directory.path().join("instances");
    assert!(message.contains(&instances.display().to_string()), "{message}");

    fs::remove_file(&instances).expect("mended");
    let path = keep(&served, instance.id).await.path;
    fs::remove_file(&path).expect("removed");
    fs::create_dir_all(PathBuf::from(&path).join("in the way")).expect("a directory");
    rename(&served, instance.id, "web2").await;
    let (status, _) = refused(&served, instance.id).await;
    assert_eq!(status, 500);
    fs::remove_dir_all(&path).expect("mended");
    until(&path, "it is tried again", |image| meta_data(image)["name"] == "web2").await;
}

#[tokio::test]
async fn drives_of_unknown_instances_are_left_alone() {
    let first = serve().await;
    let (foreign, _) = instance(&first, true).await;
    let foreign = PathBuf::from(keep(&first, foreign.id).await.path);
    let instances = first.directory.path().join("instances");
    let second =
        serve_with(|setup| setup.shelf = innkeeper_config_drive::Shelf::new(instances)).await;
    let (own, _) = instance(&second, true).await;
    let path = keep(&second, own.id).await.path;
    rename(&second, own.id, "web2").await;
    until(&path, "the shelf is followed", |image| meta_data(image)["name"] == "web2").await;
    assert!(foreign.exists(), "it may be another installation's");
}

#[tokio::test]
async fn a_drive_that_is_older_than_its_instance_is_nobodys() {
    let first = serve().await;
    let (foreign, _) = instance(&first, true).await;
    let foreign = keep(&first, foreign.id).await;
    let record = format!("{}.json", foreign.path);
    let text = fs::read_to_string(&record).expect("a record");
    let built_at = format!("\"built_at\": {}", foreign.built_at);
    assert!(text.contains(&built_at), "{text}");
    let earlier = format!("\"built_at\": {}", foreign.built_at - 60);
    fs::write(&record, text.replace(&built_at, &earlier)).expect("written");

    let instances = first.directory.path().join("instances");
    first.stop.cancel();
    // Another store over the same directory, and an instance of the same id and revision in it.
    let second =
        serve_with(|setup| setup.shelf = innkeeper_config_drive::Shelf::new(instances)).await;
    let p2 = project(&second.client, "p2").await;
    let mut new = NewInstance::named("mine", p2, flavor(&second.client).await.id);
    (new.id, new.config_drive) = (Some(foreign.instance_id), true);
    let own = second.client.create::<Instance>(&new).await.expect("an instance");
    assert_eq!(own.revision, foreign.revision);
    let none = second.client.config_drive_kept(own.id).await.map(|image| image.len());
    assert_eq!(refusal(&none.expect_err("another's drive")).0, 404);
    power(&second, own.id, PowerState::Running).await;
    let kept = keep(&second, own.id).await;
    assert_eq!(meta_data(&fs::read(&kept.path).expect("a drive"))["name"], "mine");
    assert_eq!(keep(&second, own.id).await, kept, "this one is its own");
}

#[tokio::test]
async fn who_is_deleted_by_another_process_meanwhile_leaves_no_drive() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = "touch \"$0.begun\"\nuntil [ -e \"$0.go\" ]; do sleep 0.01; done\n\
                  echo image >\"$2\"\n";
    let slow = program(directory.path(), script);
    let mkisofs = slow.clone();
    let served = serve_with(|setup| setup.recipe.mkisofs_cmd = Some(mkisofs)).await;
    let (instance, _) = instance(&served, true).await;
    let (client, id) = (served.client.clone(), instance.id);
    let asked =
        tokio::spawn(
            async move { client.config_drive_keep(id, &KeepConfigDrive::default()).await },
        );
    until(&slow.with_extension("begun").display().to_string(), "it is made", |_| true).await;
    // As the other process does it, which has its own turns.
    served.store.instance_delete(id).await.expect("deleted");
    served.store.config_drive_cleared(id).await.expect("cleared");
    fs::write(slow.with_extension("go"), "").expect("written");
    let refused = asked.await.expect("no panic").expect_err("it is gone");
    assert_eq!(refusal(&refused).0, 404);
    let left = served.directory.path().join("instances").join(id.to_string());
    assert!(!left.exists(), "somebody's password stays on the disk");
}

#[tokio::test]
async fn nobody_waits_for_all_that_a_change_of_a_network_makes_out_of_date() {
    let directory = tempfile::tempdir().expect("a directory");
    let slow = program(directory.path(), "sleep 0.1\necho \"$$\" >\"$2\"\n");
    let served = serve_with(|setup| setup.recipe.mkisofs_cmd = Some(slow)).await;
    let (first, subnet) = instance(&served, true).await;
    let mut new = NewInstance::named("other", first.project_id.clone(), first.flavor.id);
    new.config_drive = true;
    let other = served.client.create::<Instance>(&new).await.expect("an instance");
    new.networks = vec![NetworkRequest::Network(subnet.network_id)];
    let mut kept = vec![keep(&served, first.id).await];
    for _ in 1..24 {
        let one = served.client.create::<Instance>(&new).await.expect("an instance");
        kept.push(keep(&served, one.id).await);
    }
    let dns = Some(vec!["10.0.0.53".parse().expect("an address")]);
    let change = SubnetChange { dns_nameservers: dns, ..SubnetChange::default() };
    served.client.update::<Subnet>(&subnet.id, &change).await.expect("a change");
    let renewed = || {
        let is_old = |one: &&ConfigDrive| {
            fs::read_to_string(format!("{}.json", one.path))
                .is_ok_and(|record| record.contains(&one.sha256))
        };
        kept.len() - kept.iter().filter(is_old).count()
    };
    let end = Instant::now() + PATIENCE;
    while renewed() == 0 {
        assert!(Instant::now() < end, "waited in vain for the first to be made anew");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    keep(&served, other.id).await;
    assert!(
        renewed() < kept.len() / 2,
        "{} were made before the one that was asked for",
        renewed()
    );
}

#[tokio::test]
async fn files_without_a_drive_are_warned_of() {
    let served = serve().await;
    let p1 = project(&served.client, "p1").await;
    let mut new = NewInstance::named("web1", p1, flavor(&served.client).await.id);
    let file = serde_json::json!({"path": "/etc/motd", "contents": "aGk="});
    new.personality = vec![serde_json::from_value(file).expect("a file")];
    let made = served.client.create_with_warnings::<Instance>(&new).await.expect("made");
    assert!(made.warnings[0].contains("--config-drive true"), "{:?}", made.warnings);
    new.config_drive = true;
    let made = served.client.create_with_warnings::<Instance>(&new).await.expect("made");
    assert!(made.warnings.is_empty(), "{:?}", made.warnings);
}
