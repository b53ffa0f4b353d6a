//! Config drives as an operator makes, keeps and looks into them.

mod installation;

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use installation::{Installation, Running, stderr, stdout, wait_for};
use serde_json::Value;

const USER_DATA: &str = "#!/bin/sh\necho hello\n";
const META_DATA: &str = "openstack/latest/meta_data.json";

/// An installation with a running API, a flavor, a network and what `create` names.
fn running(flags: &[&str]) -> (Installation, Running) {
    let here = Installation::new();
    // Smaller than usual: their hashes are made by a program that is not optimised.
    let mut all = vec!["--api-listen", "127.0.0.1:0", "--config-drive-vfat-mib", "16"];
    all.extend(flags);
    let api = here.start("api", &all);
    here.done("flavor create f --vcpus 1 --ram 64 --disk 1");
    here.done("network create blue --subnet 10.0.0.0/24");
    fs::write(here.path("user-data"), USER_DATA).expect("written");
    fs::write(here.path("motd"), "welcome\n").expect("written");
    fs::write(here.path("password"), "hunter2\n").expect("written");
    (here, api)
}

/// Creates web1 and answers it.
fn create(here: &Installation, more: &str) -> Value {
    here.json(&format!("instance create web1 --flavor f --network blue {more}"))
}

fn create_with_everything(here: &Installation) -> Value {
    let path = |name: &str| here.path(name).display().to_string();
    create(
        here,
        &format!(
            "--config-drive true --user-data {} --property role=web --file /etc/motd={} \
             --admin-password-file {}",
            path("user-data"),
            path("motd"),
            path("password")
        ),
    )
}

fn build(here: &Installation, file: &Path, more: &str) -> Value {
    here.json(&format!("config-drive build --instance web1 -o {} {more}", file.display()))
}

/// The contents of one file of an image.
fn contents(here: &Installation, image: &Path, path: &str) -> Vec<u8> {
    let output = here.run(&["config-drive", "inspect", image.to_str().expect("UTF-8"), path]);
    assert!(output.status.success(), "{path}: {}", stderr(&output));
    output.stdout
}

fn meta_data(here: &Installation, image: &Path) -> Value {
    serde_json::from_slice(&contents(here, image, META_DATA)).expect("JSON")
}

fn kept(here: &Installation) -> Value {
    here.json("config-drive show web1")
}

fn path_of(kept: &Value) -> PathBuf {
    kept["path"].as_str().expect("a path").into()
}

#[test]
fn a_drive_says_what_the_service_says_in_every_format() {
    let (here, _api) = running(&[]);
    let created = create_with_everything(&here);
    assert_eq!(created["config_drive"], true);
    for (name, format, container, file_system) in [
        ("web1.iso", "iso9660", "none", "ISO 9660 with Rock Ridge"),
        ("web1.img", "vfat", "none", "FAT16"),
        ("web1.VHD", "vhd", "fixed VHD", "ISO 9660 with Rock Ridge"),
    ] {
        let file = here.path(name);
        let built = build(&here, &file, "--seed 1");
        assert_eq!(built["format"], format, "as {name} ends");
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!(
            (metadata.len(), metadata.mode() & 0o777),
            (built["size"].as_u64().unwrap(), 0o600)
        );
        assert!(metadata.blocks() * 512 < 1 << 20, "{name} takes {} blocks", metadata.blocks());

        let inspected = here.json(&format!("config-drive inspect {}", file.display()));
        assert_eq!(inspected["label"], "config-2", "{name}");
        assert_eq!(inspected["container"], container, "{name}");
        assert_eq!(inspected["file_system"], file_system, "{name}");
        assert_eq!(inspected["sha256"], built["sha256"], "{name}");
        assert_eq!(inspected["warnings"], Value::Array(Vec::new()), "{name}");
        let entries = inspected["entries"].as_array().expect("entries");
        let has = |path: &str| entries.iter().any(|entry| entry["path"] == path);
        assert!(has("ec2/latest/meta-data.json") && has("openstack/content/0000"), "{name}");
        assert!(!has("ec2/2008-09-01"), "{name}: left out unless it is asked for");

        let again = build(&here, &here.path("again"), &format!("--seed 1 --format {format}"));
        assert_eq!(again["sha256"], built["sha256"], "{name}: the same seed");
        let other = build(&here, &here.path("other"), &format!("--seed 2 --format {format}"));
        assert_ne!(other["sha256"], built["sha256"], "{name}: another seed");

        documents_are_those_of_the_service(&here, &file);
    }
}

fn documents_are_those_of_the_service(here: &Installation, image: &Path) {
    let served = |path: &str| here.done(&format!("instance metadata web1 /{path}")).into_bytes();
    for path in [
        "openstack/latest/user_data",
        "openstack/latest/network_data.json",
        "openstack/latest/vendor_data2.json",
        "openstack/2015-10-15/network_data.json",
        "openstack/2013-10-17/vendor_data.json",
    ] {
        assert_eq!(contents(here, image, path), served(path), "{path}");
    }
    for path in [META_DATA, "openstack/2012-08-10/meta_data.json"] {
        let mut served: Value = serde_json::from_slice(&served(path)).expect("JSON");
        let mut on_drive: Value =
            serde_json::from_slice(&contents(here, image, path)).expect("JSON");
        let files = serde_json::json!([{"content_path": "/content/0000", "path": "/etc/motd"}]);
        assert_eq!(on_drive["files"], files, "{path}");
        assert_eq!(on_drive["admin_pass"], "hunter2", "{path}");
        for key in ["files", "admin_pass", "random_seed"] {
            on_drive.as_object_mut().expect("an object").shift_remove(key);
            served.as_object_mut().expect("an object").shift_remove(key);
        }
        assert_eq!(on_drive, served, "{path}");
    }
    assert_eq!(contents(here, image, "/openstack/content/0000"), b"welcome\n");
}

#[test]
fn a_kept_drive_follows_its_instance_while_that_does_not_run() {
    let (here, _api) = running(&[]);
    create_with_everything(&here);
    let first = kept(&here);
    let path = path_of(&first);
    assert!(path.starts_with(here.path("instances")) && path.ends_with("disk.config"), "{first}");
    assert_eq!(kept(&here), first, "it is made once");
    let file = here.path("same.iso");
    let same = here.run(&["config-drive", "inspect", path.to_str().unwrap()]);
    assert!(stdout(&same).contains(first["sha256"].as_str().unwrap()), "{}", stdout(&same));

    here.done("instance set web1 --property role=db");
    wait_for("the drive to follow", || {
        (meta_data(&here, &path)["meta"]["role"] == "db").then_some(())
    });
    here.done("instance set web1 --power-state running");
    assert_eq!(kept(&here)["is_current"], true, "a launch changes no document");
    here.done("instance set web1 --property role=cache");
    let output = here.run(&["config-drive", "show", "web1", "--output", "json"]);
    assert!(stderr(&output).contains("config-drive rebuild"), "{}", stderr(&output));
    let left: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(left["is_current"], false);
    assert_eq!(meta_data(&here, &path)["meta"]["role"], "db");

    assert_eq!(here.json("config-drive rebuild web1")["is_current"], true);
    assert_eq!(meta_data(&here, &path)["meta"]["role"], "cache");
    here.done("instance set web1 --name web2");
    here.done("instance set web2 --power-state shutdown");
    wait_for("the drive to follow", || (meta_data(&here, &path)["name"] == "web2").then_some(()));

    let other = here.json(&format!("config-drive build --instance web2 -o {}", file.display()));
    assert_eq!(other["path"], file.display().to_string());
    here.done("instance delete web2");
    assert!(!path.exists() && !path.parent().unwrap().exists(), "it goes with its instance");
}

#[test]
fn a_drive_is_made_anew_after_a_change_that_nobody_saw() {
    let (here, api) = running(&[]);
    create_with_everything(&here);
    let path = path_of(&kept(&here));
    drop(api);
    let flags = "--api-listen 127.0.0.1:0 --config-drive-vfat-mib 4 --config-drive-format vfat";
    let api = here.start("api", &flags.split(' ').collect::<Vec<_>>());
    wait_for("the drive to be of the configured format", || {
        here.json(&format!("config-drive inspect {}", path.display()))["file_system"]
            .as_str()
            .is_some_and(|it| it.starts_with("FAT"))
            .then_some(())
    });
    assert!(!api.log().contains("cannot be brought up to date"), "{}", api.log());
}

#[test]
fn who_gets_a_drive_is_asked_forced_or_demanded() {
    let (here, api) = running(&[]);
    create(&here, "--config-drive false");
    let (code, error) = here.refused("config-drive show web1");
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("--config-drive true"), "{error}");
    here.done("image create windows --property img_config_drive=mandatory");
    let made = here.json("instance create win1 --flavor f --network blue --image windows");
    assert_eq!(made["config_drive"], true);
    drop(api);

    let _api = here.start("api", &["--api-listen", "127.0.0.1:0", "--config-drive-force"]);
    assert_eq!(here.json("instance show web1")["config_drive"], false);
    assert_eq!(kept(&here)["is_current"], true, "it was never launched");
    here.done("instance set web1 --power-state running");
    assert_eq!(here.json("instance show web1")["config_drive"], true, "from now on");
    let table = here.done("instance show web1");
    assert!(table.contains("| config_drive"), "{table}");
    drop(_api);

    let _api = here.start("api", &["--api-listen", "127.0.0.1:0"]);
    assert_eq!(kept(&here)["is_current"], true, "also where it is no longer forced");
}

#[test]
fn what_is_configured_decides_what_is_on_it() {
    let flags = ["--config-drive-skip-versions", "latest,2012-08-10"];
    let (here, _api) = running(&flags);
    create(&here, "--config-drive true");
    let file = here.path("web1.img");
    assert_eq!(build(&here, &file, "")["size"], 16 << 20);
    let entries = here.json(&format!("config-drive inspect {}", file.display()))["entries"].clone();
    let has = |path: &str| entries.as_array().unwrap().iter().any(|entry| entry["path"] == path);
    assert!(has("ec2/1.0/meta-data.json") && has("openstack/latest/meta_data.json"), "{entries}");
    assert!(!has("ec2/latest") && !has("openstack/2012-08-10"), "{entries}");
    let (code, error) = here.refused("api --config-drive-skip-versions 2012-08-11");
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("2012-08-10, 2013-04-04"), "it names those there are: {error}");
}

#[test]
fn images_go_to_files_and_standard_output_only() {
    let (here, _api) = running(&[]);
    create(&here, "--config-drive true");
    let output = here.run(&["config-drive", "build", "--instance", "web1", "-o", "-"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let piped = here.path("piped.iso");
    fs::write(&piped, &output.stdout).unwrap();
    assert_eq!(meta_data(&here, &piped)["name"], "web1");
    let sha256 = here.json(&format!("config-drive inspect {}", piped.display()))["sha256"].clone();
    assert!(stderr(&output).contains(sha256.as_str().unwrap()), "{}", stderr(&output));

    let directory = here.path("");
    for (file, said) in [
        (directory.to_str().unwrap(), "it is a directory"),
        ("/dev/null", "it is a device"),
        ("/nonexistent/web1.iso", "there is no directory /nonexistent"),
    ] {
        let (code, error) = here.refused(&format!("config-drive build --instance web1 -o {file}"));
        assert_eq!((code, error.lines().count()), (1, 1), "{error}");
        assert!(error.contains(said), "{error}");
    }
    let (code, error) = here.refused("config-drive build --instance web1 -o x --format udf");
    assert_eq!(code, 2, "{error}");
    assert_eq!(here.refused("config-drive build --instance nobody -o /tmp/x").0, 3);
}

#[test]
fn what_cannot_be_inspected_is_said_without_a_control_api() {
    let (here, api) = running(&[]);
    create(&here, "--config-drive true");
    let (iso, vfat) = (here.path("web1.iso"), here.path("web1.img"));
    build(&here, &iso, "");
    build(&here, &vfat, "");
    drop(api);
    let image = fs::read(&iso).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(here.path(name), bytes).unwrap();
        here.path(name).display().to_string()
    };
    let directory = here.path("").display().to_string();
    for (file, said) in [
        (write("truncated.iso", &image[..50_000]), "truncated"),
        (write("short.img", &fs::read(&vfat).unwrap()[..20_000]), "truncated"),
        (write("text", &b"no image at all\n".repeat(5_000)), "neither ISO 9660 nor FAT"),
        (write("empty", b""), ""),
        ("/dev/null".to_owned(), "neither a file nor a block device"),
        (directory, "it is a directory"),
        ("/nonexistent/x.iso".to_owned(), "No such file"),
    ] {
        let (code, error) = here.refused(&format!("config-drive inspect {file}"));
        assert_eq!((code, error.lines().count()), (1, 1), "{file}: {error}");
        assert!(error.contains(&file) && error.contains(said), "{file}: {error}");
    }
    let file = iso.display();
    let (code, error) = here.refused(&format!("config-drive inspect {file} openstack/none"));
    assert_eq!(code, 3, "{error}");
    let (code, error) = here.refused(&format!("config-drive inspect {file} openstack/latest"));
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("\"openstack/latest\" is a directory"), "{error}");
    assert_eq!(here.refused("config-drive inspect").0, 2);
}

#[test]
fn a_drive_that_guests_will_not_find_is_warned_of() {
    let (here, api) = running(&[]);
    create(&here, "--config-drive true");
    let file = here.path("web1.img");
    build(&here, &file, "");
    drop(api);
    let mut image = fs::read(&file).unwrap();
    let label = b"config-2   ";
    let places: Vec<_> =
        (0..image.len() - label.len()).filter(|at| image[*at..].starts_with(label)).collect();
    assert!(!places.is_empty(), "the label is in the image");
    for place in places {
        image[place..place + label.len()].copy_from_slice(b"cidata     ");
    }
    fs::write(&file, &image).unwrap();
    let output = here.run(&["config-drive", "inspect", file.to_str().unwrap()]);
    assert!(output.status.success());
    let warning = stderr(&output);
    assert!(warning.contains("the label is \"cidata\" and not config-2"), "{warning}");
    assert!(stdout(&output).contains(META_DATA), "{}", stdout(&output));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let here = Installation::new();
    let file = here.path("a-file");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let flags = ["--config-drive-instances-path", file.to_str().unwrap()];
    let (code, error) = here.refused("api --config-drive-instances-path relative");
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("absolute"), "{error}");
    let _api = here.start("api", &[&["--api-listen", "127.0.0.1:0"][..], &flags].concat());
    here.done("flavor create f --vcpus 1 --ram 64 --disk 1");
    here.done("instance create web1 --flavor f --config-drive true");
    let (code, error) = here.refused("config-drive show web1");
    assert_eq!((code, error.lines().count()), (1, 1), "{error}");
    assert!(error.contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn what_cannot_be_followed_is_logged_once_and_tried_until_it_can() {
    let (here, api) = running(&[]);
    let names = ["web1", "web2"];
    let paths = names.map(|name| {
        here.done(&format!("instance create {name} --flavor f --config-drive true"));
        let path = path_of(&here.json(&format!("config-drive show {name}")));
        fs::remove_file(&path).unwrap();
        fs::create_dir_all(path.join("in the way")).unwrap();
        path
    });
    for name in names {
        here.done(&format!("instance set {name} --property role=db"));
    }
    let said = |log: &str, what: &str| log.lines().filter(|line| line.contains(what)).count();
    let trouble = "config drives cannot be brought up to date";
    wait_for("the log to say so", || (said(&api.log(), trouble) > 0).then_some(()));
    for path in &paths {
        fs::remove_dir_all(path).unwrap();
    }
    for path in &paths {
        wait_for("it to be tried again", || path.is_file().then_some(()));
        assert_eq!(meta_data(&here, path)["meta"]["role"], "db");
    }
    wait_for("the log to say so", || {
        (said(&api.log(), "config drives are up to date again") > 0).then_some(())
    });
    assert_eq!(said(&api.log(), trouble), 1, "one cause, one line: {}", api.log());
    assert!(api.log().contains("<id>"), "it is the same for both: {}", api.log());
}

#[test]
fn what_vendors_services_say_is_on_the_drive_as_it_is_served() {
    let here = Installation::new();
    // Nobody listens there.
    let target =
        "--api-listen 127.0.0.1:0 --api-vendordata-dynamic-targets site@http://127.0.0.1:1/";
    let dynamic = format!("{target} --api-vendordata-providers StaticJSON,DynamicJSON");
    let start = |flags: &str| here.start("api", &flags.split(' ').collect::<Vec<_>>());
    let file = here.path("web1.iso");
    let path = "openstack/latest/vendor_data2.json";

    let api = start(&dynamic);
    here.done("flavor create f --vcpus 1 --ram 64 --disk 1");
    here.done("instance create web1 --flavor f --config-drive true");
    build(&here, &file, "");
    let on_drive = contents(&here, &file, path);
    assert_eq!(on_drive, b"{\"static\": {}, \"site\": {}}");
    assert_eq!(on_drive, here.done(&format!("instance metadata web1 /{path}")).into_bytes());
    drop(api);

    let api = start(&format!("{dynamic} --api-vendordata-dynamic-failure-fatal"));
    let (code, error) = here.refused("config-drive show web1");
    assert_eq!(code, 75, "{error}");
    assert!(error.contains("vendor data service \"site\" failed"), "{error}");
    drop(api);

    let _api = start(&format!("{target} --api-vendordata-dynamic-failure-fatal"));
    assert_eq!(kept(&here)["is_current"], true, "without DynamicJSON nobody is asked");
}

#[test]
fn what_does_not_fit_is_said() {
    let here = Installation::new();
    let flags = "--api-listen 127.0.0.1:0 --config-drive-format vfat --config-drive-vfat-mib 1";
    let mut flags: Vec<_> = flags.split(' ').collect();
    flags.extend(["--config-drive-skip-versions", ""]);
    let _api = here.start("api", &flags);
    let user_data = here.path("user-data");
    fs::write(&user_data, [&b"#!/bin/sh\n"[..], &[b'#'; 48_000]].concat()).unwrap();
    here.done("flavor create f --vcpus 1 --ram 64 --disk 1");
    here.done(&format!(
        "instance create web1 --flavor f --config-drive true --user-data {}",
        user_data.display()
    ));
    let (code, error) = here.refused("config-drive show web1");
    assert_eq!((code, error.lines().count()), (4, 1), "{error}");
    build(&here, &here.path("web1.iso"), "");
    let image = fs::metadata(here.path("web1.iso")).unwrap().len();
    assert!(image < 1 << 20, "equal files share their place: {image} bytes");
}
