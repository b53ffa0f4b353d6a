//! Debian with cloud-init as distributed, started through libvirt by the line that operators know,
//! takes everything from the drive.

use std::{fs, path::Path, time::Duration};

use innkeeper_lab::{
    GuestImages, LabError, Libvirtd, Program, Qemu, Report, World, inside, isolated, wait_until,
};

use crate::drives::{INJECTED, KEY, USER_DATA};

/// Half a minute on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(300);

/// From the end of a machine's report to that of the machine.
const POWER_OFF: Duration = Duration::from_secs(60);

#[test]
fn debian_takes_everything_from_the_drive_that_libvirt_gave_it() {
    if !inside() {
        // Making it takes packages from the network, which is not in reach inside.
        GuestImages::kept().debian().unwrap_or_else(|error| panic!("{error}"));
    }
    isolated(|| {
        let directory = tempfile::tempdir()?;
        let libvirtd = Libvirtd::start(directory.path())?;
        let instances = directory.path().join("instances");
        let drives = format!("[config_drive]\ninstances_path = \"{}\"\n", instances.display());
        let world = World::configured(Path::new(env!("CARGO_BIN_EXE_innkeeper")), &drives)?
            .with("INNKEEPER_LIBVIRT_URI", &libvirtd.uri())
            .with("INNKEEPER_INSTANCES_PATH", &instances.to_string_lossy());
        let _serving = world.serve()?;
        boot(world.program(), directory.path())?;
        let (id, address) = instance(world.program())?;
        let console = instances.join(&id).join("console.log");
        let report = await_report(&libvirtd, &console)?;
        libvirtd.stop()?;
        check(&report, &id, &address);
        Ok(())
    });
}

/// Everything that an operator does before and with `innkeeper boot`.
fn boot(innkeeper: &Program, directory: &Path) -> Result<(), LabError> {
    let guest = GuestImages::kept().debian()?;
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map(|()| path.display().to_string())
    };
    let key = file("key.pub", KEY)?;
    let user_data = file("my-user-data.txt", USER_DATA)?;
    let injected = format!("/srv/injected={}", file("injected", INJECTED)?);
    let run = |line: &str| innkeeper.run(line.split_whitespace());
    run(&format!("keypair create mykey --public-key {key}"))?;
    run("flavor create m1.small --id 1 --vcpus 1 --ram 512 --disk 1")?;
    run("network create blue --mtu 1450")?;
    run("subnet create blue --network blue --cidr 10.0.0.0/24 --no-dhcp")?;
    run("router create r1 --subnet blue")?;
    let image =
        ["image", "create", "debian12", "--disk-format", "raw", "--file"].map(str::to_owned);
    innkeeper.run(image.into_iter().chain([guest.disk.display().to_string()]))?;
    let words = "boot --config-drive true --image debian12 --key-name mykey --flavor 1 \
                 --virt-type qemu";
    let kernel = guest.kernel.display().to_string();
    let initramfs = guest.initramfs.display().to_string();
    let values = [
        ["--user-data", &user_data],
        ["--file", &injected],
        ["--kernel", &kernel],
        ["--initrd", &initramfs],
        ["--append", Qemu::APPEND],
    ];
    innkeeper.run(words.split_whitespace().chain(values.concat()).chain(["myinstance"])).map(|_| ())
}

/// The instance's id and its address.
fn instance(innkeeper: &Program) -> Result<(String, String), LabError> {
    let json = |line: &str| innkeeper.json(line.split_whitespace());
    let instance = json("instance show myinstance --output json")?;
    let ports = json("port list --output json")?;
    let mut ports = ports.as_array().into_iter().flatten();
    let port = ports.find(|port| port["attachment"]["id"] == instance["id"]);
    let address = port.map(|port| port["fixed_ips"][0]["ip_address"].clone());
    let text =
        |value: Option<&serde_json::Value>| value.and_then(|v| v.as_str().map(str::to_owned));
    let (id, address) = (text(instance.get("id")), text(address.as_ref()));
    Ok((id.expect("an id"), address.expect("a port with an address")))
}

fn await_report(libvirtd: &Libvirtd, console: &Path) -> Result<Report, LabError> {
    let said = || String::from_utf8_lossy(&fs::read(console).unwrap_or_default()).into_owned();
    let reported = || Report::read(&said()).exit_code().is_some();
    let with_console = |error: LabError| LabError::Failed {
        command: "the Debian guest".to_owned(),
        message: format!("{error}; libvirtd: {}; its console:\n{}", libvirtd.log(), said()),
    };
    wait_until("the guest's report", PATIENCE, reported).map_err(with_console)?;
    wait_until("the guest to power off", POWER_OFF, || {
        let running = libvirtd.virsh(&["list", "--name", "--state-running"]);
        running.is_ok_and(|names| names.trim().is_empty())
    })
    .map_err(with_console)?;
    Ok(Report::read(&said()))
}

fn check(report: &Report, id: &str, address: &str) {
    let said = report.lines().join("\n");
    let all = |word: &str| report.all(word).join("\n");
    assert_eq!(report.first("hostname"), Some("myinstance"), "{said}");
    assert_eq!(report.first("instance"), Some(id), "{said}");
    let source = all("datasource");
    assert!(source.contains("DataSourceConfigDrive") && source.contains("/dev/sr0"), "{said}");
    assert!(all("result").contains("\"errors\": []"), "{said}");
    assert!(report.all("key").contains(&format!("debian 600 {KEY}").as_str()), "{said}");
    let injected = format!("/srv/injected root 660 {}", INJECTED.trim_end());
    assert!(report.all("file").contains(&injected.as_str()), "{said}");
    assert!(all("file").contains("/srv/user-data-ran root 644 ran on myinstance"), "{said}");
    assert!(all("address").contains(&format!("inet {address}/24")), "{said}");
    assert!(all("route").contains("default via 10.0.0.1"), "{said}");
    assert!(all("interfaces").contains("mtu 1450"), "{said}");
}
