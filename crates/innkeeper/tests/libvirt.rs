//! Machines of a real libvirt: `innkeeper boot` and `innkeeper config-drive attach`.
//!
//! Each test has a libvirtd of its own in private namespaces, with an `innkeeper serve` that makes
//! the bridges beside it. The machines are emulated and find nothing to boot, which is all the same
//! to libvirt; that real guests find their drives is shown by the boots.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod installation;

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use innkeeper_hypervisor::libvirt::{Description, PresentDisk};
use innkeeper_image::{Container, Drive};
use innkeeper_lab::{LabError, Libvirtd, isolated};
use installation::{Installation, Running, stderr, stdout, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1cMwQYBSoUdaOfNKYz3CQlMZXkNz6dPB0VuQzEVyG3 \
                   me@here\n";

/// The line of the documentation, word for word.
const LINE: &str = "boot --config-drive true --image debian12 --key-name mykey --flavor 1 \
                    --user-data ./my-user-data.txt \
                    --file /etc/network/interfaces=./instance-interfaces myinstance";

/// A machine with libvirt and with Innkeeper.
struct Host {
    here: Installation,
    libvirtd: Libvirtd,
    _role: Running,
}

impl Host {
    /// With `role`, which keeps drives in the directory `shelf`, and what most machines are made
    /// from. Where that is not where the machines' files are, these are on a small disk.
    fn new(role: &str, shelf: &str, flags: &[&str]) -> Result<Self, LabError> {
        let here = Installation::new();
        let libvirt = here.path("libvirt");
        fs::create_dir(&libvirt)?;
        if shelf != "instances" {
            mount_small_disk(&here.path("instances"))?;
        }
        let libvirtd = Libvirtd::start(&libvirt)?;
        let shelf = here.path(shelf).display().to_string();
        let mut all = vec!["--config-drive-instances-path", &shelf];
        all.extend_from_slice(flags);
        let role = here.start(role, &all);
        fs::write(here.path("key.pub"), KEY)?;
        fs::write(here.path("my-user-data.txt"), "#cloud-config\npackages: [nginx]\n")?;
        fs::write(here.path("instance-interfaces"), "auto lo\n")?;
        let host = Self { here, libvirtd, _role: role };
        host.qemu_img("disk.qcow2");
        host.done("keypair create mykey --public-key key.pub");
        host.done("flavor create m1.tiny --id 1 --vcpus 1 --ram 64");
        host.done("network create blue --subnet 10.0.0.0/24");
        Ok(host)
    }

    /// A disk image with nothing on it.
    fn qemu_img(&self, name: &str) {
        let mut command = Command::new("qemu-img");
        command.args(["create", "-q", "-f", "qcow2", name, "8M"]).current_dir(self.here.path(""));
        assert!(command.status().expect("qemu-img runs").success());
    }

    fn command(&self, line: &str) -> Command {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut command = self.here.command(&words);
        command.current_dir(self.here.path(""));
        command.env("INNKEEPER_LIBVIRT_URI", self.libvirtd.uri());
        command.env("INNKEEPER_INSTANCES_PATH", self.here.path("instances"));
        command.env("INNKEEPER_VIRT_TYPE", "qemu");
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("the program runs")
    }

    /// Runs a command that must succeed: its standard output and standard error.
    fn said(&self, line: &str) -> (String, String) {
        let output = self.run(line);
        let log = self.libvirtd.log();
        assert!(output.status.success(), "innkeeper {line}: {}\n{log}", stderr(&output));
        (stdout(&output), stderr(&output))
    }

    fn done(&self, line: &str) -> String {
        self.said(line).0
    }

    fn json(&self, line: &str) -> Value {
        let text = self.done(&format!("{line} --output json"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("innkeeper {line}: {e}: {text}"))
    }

    fn refused(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(!output.status.success(), "innkeeper {line} succeeded: {}", stdout(&output));
        stderr(&output)
    }

    fn virsh(&self, line: &str) -> String {
        let words: Vec<_> = line.split_whitespace().collect();
        self.libvirtd.virsh(&words).unwrap_or_else(|e| panic!("virsh {line}: {e}"))
    }

    /// What libvirt says of a domain.
    fn description(&self, line: &str) -> Description {
        Description::read(&self.virsh(line)).expect("a description")
    }

    fn file(&self, instance: &Value, name: &str) -> PathBuf {
        let id = instance["id"].as_str().expect("an id");
        self.here.path("instances").join(id).join(name)
    }
}

/// The contents of a file on a drive.
fn on_drive(image: &Path, path: &str) -> Vec<u8> {
    let drive = Drive::open(File::open(image).expect("the drive")).expect("a drive");
    assert_eq!(drive.label(), "config-2");
    let entry = drive.find(path).expect("readable");
    drive.read(&entry.unwrap_or_else(|| panic!("{path} is not on the drive"))).expect("readable")
}

fn disk(target: &str, device: &str, bus: &str, file: &Path) -> PresentDisk {
    PresentDisk {
        target: target.to_owned(),
        device: device.to_owned(),
        bus: bus.to_owned(),
        file: Some(file.display().to_string()),
    }
}

#[test]
fn the_line_that_operators_know_starts_a_machine() {
    isolated(|| {
        let host = Host::new("serve", "instances", &[])?;
        host.done("image create debian12 --file disk.qcow2");
        let (shown, progress) = host.said(LINE);
        assert!(shown.contains("myinstance") && shown.contains("blue=10.0.0."), "{shown}");
        for step in ["instance myinstance: made", "root disk", "config drive", "started"] {
            assert!(progress.contains(step), "{step}: {progress}");
        }
        let instance = host.json("instance show myinstance");
        assert_eq!(instance["power_state"], "running");
        assert_eq!(instance["config_drive"], true);
        assert_eq!(host.virsh("domstate myinstance").trim(), "running");

        let (root, drive) = (host.file(&instance, "disk"), host.file(&instance, "disk.config"));
        let domain = host.description("dumpxml myinstance");
        assert_eq!(instance["id"], domain.id.to_string());
        assert!(domain.looks_like_openstack(), "cloud-init has to recognise the platform");
        let expected = [disk("vda", "disk", "virtio", &root), disk("hda", "cdrom", "ide", &drive)];
        assert_eq!(domain.disks, expected);
        let ports = host.json("port list");
        let is_its = |port: &&Value| port["attachment"]["id"] == instance["id"];
        let port = ports.as_array().and_then(|all| all.iter().find(is_its)).expect("a port");
        let xml = host.virsh("dumpxml myinstance");
        let mac = port["mac_address"].as_str().expect("a MAC address");
        let tap: String = port["id"].as_str().expect("an id").chars().take(11).collect();
        for said in [format!("'{mac}'"), format!("'tap{tap}'"), "'brq".to_owned()] {
            assert!(xml.contains(&said), "{said}: {xml}");
        }
        assert!(host.file(&instance, "console.log").exists(), "the console is recorded");

        let user_data = fs::read(host.here.path("my-user-data.txt"))?;
        assert_eq!(on_drive(&drive, "openstack/latest/user_data"), user_data);
        let document = on_drive(&drive, "openstack/latest/meta_data.json");
        let document: Value = serde_json::from_slice(&document).expect("JSON");
        assert_eq!(document["uuid"], instance["id"]);
        assert_eq!(document["public_keys"]["mykey"], KEY);
        assert_eq!(document["files"][0]["path"], "/etc/network/interfaces");
        let content = document["files"][0]["content_path"].as_str().expect("a path");
        assert_eq!(on_drive(&drive, &format!("openstack{content}")), b"auto lo\n");

        let before = (fs::metadata(&root)?.ino(), fs::metadata(&drive)?.ino());
        let (_, progress) = host.said(&format!("{LINE} --if-not-exists"));
        assert!(progress.contains("domain myinstance: runs already"), "{progress}");
        assert_eq!((fs::metadata(&root)?.ino(), fs::metadata(&drive)?.ino()), before);
        assert_eq!(host.json("instance list").as_array().map(Vec::len), Some(1));

        // The same name again is another instance, and so another domain.
        host.done(&format!("{LINE} --no-start"));
        assert_eq!(host.json("instance list").as_array().map(Vec::len), Some(2));
        assert_eq!(host.virsh("list --all --name").lines().filter(|l| !l.is_empty()).count(), 2);
        Ok(())
    });
}

/// The host role does not run, so there is no bridge until somebody makes it.
#[test]
fn what_was_stopped_half_way_is_finished_by_the_same_line() {
    isolated(|| {
        let format = ["--config-drive-format", "vfat", "--config-drive-vfat-mib", "8"];
        let flags = [&format[..], &["--api-listen", "127.0.0.1:0"]].concat();
        // As where the control API is on another machine.
        let host = Host::new("api", "shelf", &flags)?;
        let line = "boot web1 --image disk.qcow2 --flavor m1.tiny --config-drive true \
                    --if-not-exists";
        full(&host, line);
        let error = host.refused(line);
        for said in ["there is no bridge brq", "innkeeper host", "run the same command again"] {
            assert!(error.contains(said), "{said}: {error}");
        }
        let instance = host.json("instance show web1");
        assert_ne!(instance["power_state"], "running");
        let image = host.json("image show disk.qcow2");
        assert_eq!(image["disk_format"], "qcow2");
        assert_eq!(image["file"], host.here.path("disk.qcow2").canonicalize()?.to_str().unwrap());

        let root = host.file(&instance, "disk");
        let made = fs::metadata(&root)?.ino();
        interrupted_while_it_waits(&host, line);
        let names: Vec<_> = fs::read_dir(root.parent().expect("a directory"))?
            .map(|entry| entry.map(|entry| entry.file_name().into_string().expect("text")))
            .collect::<Result<_, _>>()?;
        assert!(!names.iter().any(|name| name.starts_with('.')), "left unfinished: {names:?}");

        let bridge = error.split_whitespace().find(|word| word.starts_with("brq")).expect("named");
        let ip = Command::new("ip").args(["link", "add", bridge, "type", "bridge"]).status()?;
        assert!(ip.success());
        host.done(line);
        assert_eq!(fs::metadata(&root)?.ino(), made, "the root disk was kept");
        let drive = host.file(&instance, "disk.config");
        let domain = host.description("dumpxml web1");
        let expected =
            [disk("vda", "disk", "virtio", &root), disk("vdb", "disk", "virtio", &drive)];
        assert_eq!(domain.disks, expected, "a VFAT drive is a disk");
        assert!(host.virsh("dumpxml web1").contains("<readonly/>"), "guests do not write there");
        on_drive(&drive, "openstack/latest/meta_data.json");

        // Ended and even undefined, the next run starts it again with the disk that it had.
        host.virsh("destroy web1");
        let (_, progress) = host.said(line);
        assert!(progress.contains("domain web1: defined already"), "{progress}");
        host.virsh("destroy web1");
        host.virsh("undefine web1");
        host.done(line);
        assert_eq!(host.virsh("domstate web1").trim(), "running");
        assert_eq!(fs::metadata(&root)?.ino(), made);
        Ok(())
    });
}

/// Before libvirtd starts, which would not see it otherwise.
fn mount_small_disk(at: &Path) -> Result<(), LabError> {
    fs::create_dir(at)?;
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(at);
    assert!(mount.status()?.success());
    Ok(())
}

/// First runs on a disk that has no room: for the root disk, then for the drive.
fn full(host: &Host, line: &str) {
    let instances = host.here.path("instances");
    let refused_when_full = |step: &str| {
        let mut filler = File::create(instances.join("filler")).expect("made");
        while filler.write_all(&[1; 4096]).is_ok() {}
        let error = host.refused(line);
        for said in [step, "No space left on device", "make room"] {
            assert!(error.contains(said), "{said}: {error}");
        }
        fs::remove_file(instances.join("filler")).expect("removed");
        host.json("instance show web1")
    };
    let instance = refused_when_full("making the root disk");
    assert!(!host.file(&instance, "disk").exists(), "half a disk is none");
    host.refused(line);
    let drive = host.file(&instance, "disk.config");
    fs::remove_file(&drive).expect("it was made before the bridge was missed");
    refused_when_full("cannot write");
    assert!(!drive.exists(), "half a drive is none");
}

/// Sends SIGINT to a run that waits for a bridge.
fn interrupted_while_it_waits(host: &Host, line: &str) {
    let log = host.here.path("interrupted.log");
    let mut command = host.command(line);
    let command = command.stdout(Stdio::null()).stderr(File::create(&log).expect("a log"));
    let mut run = command.spawn().expect("the program runs");
    wait_for("the drive to be there", || host.here.read("interrupted.log").find("config drive"));
    let pid = i32::try_from(run.id()).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, Signal::INT).expect("it runs");
    let status = wait_for("an end", || run.try_wait().expect("a status"));
    let said = host.here.read("interrupted.log");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted; run the same command again"), "{said}");
}

#[test]
fn a_drive_is_attached_to_a_machine_that_exists() {
    isolated(|| {
        let host = Host::new("serve", "instances", &[])?;
        host.done("instance create web1 --flavor m1.tiny --network blue --config-drive true");
        let instance = host.json("instance show web1");
        let id = instance["id"].as_str().expect("an id");
        define(&host, "some-vm", id, "pc");
        let attach = "config-drive attach --domain some-vm";
        let (_, progress) = host.said(attach);
        assert!(progress.contains("given it as cdrom hda"), "{progress}");
        assert!(progress.contains("do not say \"OpenStack Nova\""), "{progress}");
        let drive = host.file(&instance, "disk.config");
        let expected = [disk("hda", "cdrom", "ide", &drive)];
        assert_eq!(host.description("dumpxml some-vm").disks, expected);
        let (_, progress) = host.said(attach);
        assert!(progress.contains("has it as hda already"), "{progress}");
        assert_eq!(host.description("dumpxml some-vm").disks, expected, "once is enough");

        host.virsh("start some-vm");
        let (_, progress) = host.said(attach);
        assert!(progress.contains("runs with it"), "{progress}");
        changed_while_it_runs(&host, attach, &drive);

        // A machine of the type q35 has no IDE; one that runs gets it at its next start.
        let other = "0f0e0d0c-0000-4000-8000-0000000000aa";
        define(&host, "web1", other, "q35");
        host.virsh("start web1");
        let error = host.refused("config-drive attach --domain web1");
        assert!(
            error.contains("say which one it is with --instance"),
            "a name proves nothing: {error}"
        );
        let (_, progress) = host.said("config-drive attach --domain web1 --instance web1");
        assert!(progress.contains("from its next start on"), "{progress}");
        assert!(host.description("dumpxml web1").disks.is_empty());
        let expected = [disk("sda", "cdrom", "sata", &drive)];
        assert_eq!(host.description("dumpxml web1 --inactive").disks, expected, "as it was said");

        host.done("instance create web2 --flavor m1.tiny --network blue");
        let error = host.refused(&format!("{attach} --instance web2"));
        assert!(error.contains("by its UUID, and not web2"), "{error}");
        define(&host, "web2", "0f0e0d0c-0000-4000-8000-0000000000bb", "pc");
        let error = host.refused("config-drive attach --domain web2 --instance web2");
        assert!(error.contains("has no config drive"), "{error}");
        let error = host.refused("config-drive attach --domain nobody");
        assert!(error.contains("there is no domain \"nobody\""), "{error}");
        Ok(())
    });
}

/// What qemu-img makes is dynamic, and no image but for those who know that.
#[test]
fn a_vhd_of_qemu_img_is_given_as_what_it_is() {
    isolated(|| {
        let flags = ["--config-drive-format", "vhd", "--config-drive-qemu-img-cmd", "qemu-img"];
        let host = Host::new("serve", "instances", &flags)?;
        host.done("boot web1 --image disk.qcow2 --flavor m1.tiny --config-drive true --no-start");
        let drive = host.file(&host.json("instance show web1"), "disk.config");
        let container = Drive::open(File::open(&drive)?).expect("a drive").container();
        assert_eq!(container, Container::DynamicVhd);
        let said = format!("type='vpc'/>\n      <source file='{}'/>", drive.display());
        let xml = host.virsh("dumpxml web1");
        assert!(xml.contains(&said), "{xml}");

        host.virsh("undefine web1");
        let id = host.json("instance show web1")["id"].as_str().expect("an id").to_owned();
        define(&host, "web1", &id, "pc");
        host.done("config-drive attach --domain web1");
        let xml = host.virsh("dumpxml web1");
        assert!(xml.contains(&said), "{xml}");
        Ok(())
    });
}

/// The CD of a machine that runs is changed when its drive was made anew.
fn changed_while_it_runs(host: &Host, attach: &str, drive: &Path) {
    host.done("instance set web1 --property role=db");
    host.done("config-drive rebuild web1");
    let (_, progress) = host.said(attach);
    assert!(progress.contains("its CD in hda changed"), "{progress}");
    let document = on_drive(drive, "openstack/latest/meta_data.json");
    let document: Value = serde_json::from_slice(&document).expect("JSON");
    assert_eq!(document["meta"]["role"], "db");
    let (_, progress) = host.said(attach);
    assert!(progress.contains("runs with it"), "{progress}");
    host.virsh("change-media some-vm hda --eject --live --force");
    let (_, progress) = host.said(attach);
    assert!(progress.contains("its CD in hda changed"), "an empty drive: {progress}");
}

fn define(host: &Host, name: &str, id: &str, machine: &str) {
    let path = host.here.path("domain.xml");
    let xml = format!(
        "<domain type='qemu'><name>{name}</name><uuid>{id}</uuid>\
         <memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='{machine}'>hvm</type></os></domain>"
    );
    File::create(&path).and_then(|mut file| file.write_all(xml.as_bytes())).expect("written");
    host.virsh(&format!("define {}", path.display()));
}

#[test]
fn a_machine_is_what_its_image_and_its_ports_say() {
    isolated(|| {
        let host = Host::new("serve", "instances", &[])?;
        for name in ["vmlinuz", "initrd"] {
            fs::write(host.here.path(name), name)?;
            host.done(&format!("image create {name} --file {name} --disk-format raw"));
        }
        host.done(
            "image create direct --file disk.qcow2 --kernel vmlinuz --ramdisk initrd \
             --property os_command_line=console=ttyS0 --property hw_machine_type=q35 \
             --property hw_vif_model=e1000 --property img_config_drive=mandatory",
        );
        host.done("network create red --subnet 10.0.1.0/24");
        let port = |network: &str| {
            let port = host.json(&format!("port create --network {network}"));
            let text = |field: &str| port[field].as_str().expect("text").to_owned();
            (text("id"), text("mac_address"))
        };
        let ((first, mac1), (second, mac2)) = (port("blue"), port("red"));
        host.done(&format!(
            "boot web1 --image direct --flavor m1.tiny --port {second} --nic port-id={first} \
             --network red --meta role=web --no-start"
        ));
        let instance = host.json("instance show web1");
        assert_eq!(instance["metadata"]["role"], "web");
        assert_eq!(instance["config_drive"], true, "its image demands it");
        assert_eq!(host.virsh("domstate web1").trim(), "shut off");
        let xml = host.virsh("dumpxml web1");
        let place = |said: &str| xml.find(said).unwrap_or_else(|| panic!("{said}: {xml}"));
        assert!(place(&mac2) < place(&mac1), "interfaces keep their order: {xml}");
        assert_eq!(xml.matches("<interface ").count(), 3, "{xml}");
        let kernel = host.here.path("vmlinuz").canonicalize()?;
        place(&format!("<kernel>{}</kernel>", kernel.display()));
        place("<initrd>");
        place("<cmdline>console=ttyS0</cmdline>");
        place("<model type='e1000'/>");
        let domain = host.description("dumpxml web1");
        assert!(domain.machine.as_deref().is_some_and(|it| it.contains("q35")), "{domain:?}");
        let (root, drive) = (host.file(&instance, "disk"), host.file(&instance, "disk.config"));
        let expected = [disk("vda", "disk", "virtio", &root), disk("sda", "cdrom", "sata", &drive)];
        assert_eq!(domain.disks, expected);

        // Its image is forgotten and its file gone, but there is a disk of it.
        host.done("image delete direct");
        fs::remove_file(host.here.path("disk.qcow2"))?;
        let again = "boot web1 --flavor m1.tiny --image direct --if-not-exists --no-start";
        let (_, progress) = host.said(again);
        assert!(progress.contains("domain web1: defined already"), "{progress}");

        host.done(
            "boot bare --flavor m1.tiny --kernel vmlinuz --append quiet --nic none --no-start",
        );
        let domain = host.description("dumpxml bare");
        assert!(domain.disks.is_empty() && domain.looks_like_openstack(), "{domain:?}");
        Ok(())
    });
}

#[test]
fn nothing_is_made_of_what_cannot_become_a_machine() {
    isolated(|| {
        let host = Host::new("serve", "instances", &[])?;
        let boot = "boot web1 --flavor m1.tiny --config-drive true";
        let dry_run = host.done(&format!("{boot} --image disk.qcow2 --dry-run"));
        let domain = Description::read(&dry_run).expect("a description");
        assert_eq!((&*domain.name, domain.disks.len()), ("web1", 2));
        assert!(dry_run.contains("<source bridge='brq"), "{dry_run}");
        assert_eq!(host.json("image list"), serde_json::json!([]), "a dry run makes no image");

        fs::write(host.here.path("secret"), vec![1; 4096])?;
        let mut overlay = Command::new("qemu-img");
        overlay.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b", "secret", "bad.qcow2"]);
        assert!(overlay.current_dir(host.here.path("")).status()?.success());
        host.done("image create gone --file /nowhere/disk.qcow2");
        host.done("image create empty");
        host.done("network create red --subnet 10.0.1.0/24");
        for (rest, said) in [
            ("--image nothing", "nor is it a file of this machine"),
            ("--image bad.qcow2", "it is built on another file, secret"),
            ("--image gone", "is it on this machine?"),
            ("--image empty", "has no file on this machine"),
            ("--image disk.qcow2 --kernel /nowhere/vmlinuz", "cannot read /nowhere/vmlinuz"),
            ("--image disk.qcow2 --append quiet", "--append is for a kernel"),
            ("", "what is to be booted?"),
            ("--image disk.qcow2", "the project has 2 networks"),
            ("--image disk.qcow2 --nic none --libvirt-uri qemu+ssh://h/system", "not a QEMU of"),
            (
                "--image disk.qcow2 --nic none --libvirt-uri qemu+unix:///system?socket=/nowhere/s",
                "systemctl start libvirtd",
            ),
        ] {
            let error = host.refused(&format!("{boot} {rest}"));
            assert!(error.contains(said), "{rest}: {error}");
        }
        let mut command = host.command(&format!("{boot} --image disk.qcow2 --nic none"));
        let output = command.env("PATH", "/nowhere").output()?;
        assert!(stderr(&output).contains("virsh is not installed"), "{}", stderr(&output));
        assert_eq!(host.json("instance list"), serde_json::json!([]), "there is no instance");
        assert!(!host.here.path("instances").exists(), "nor a directory of one");
        Ok(())
    });
}

#[test]
fn a_new_instance_does_not_wake_up_with_the_disk_of_an_earlier_one() {
    isolated(|| {
        let host = Host::new("serve", "instances", &[])?;
        let id = "0f0e0d0c-0000-4000-8000-000000000001";
        let boot = format!("--flavor m1.tiny --image disk.qcow2 --id {id} --no-start");
        host.done(&format!("boot web1 {boot}"));
        host.done("instance delete web1");
        let refused = host.refused(&format!("boot web2 {boot}"));
        assert!(refused.contains("a domain web1 is there, of an earlier"), "{refused}");
        host.virsh(&format!("undefine {id}"));
        let refused = host.refused(&format!("boot web2 {boot}"));
        let disk = host.here.path("instances").join(id).join("disk");
        assert!(refused.contains(&format!("a root disk {}", disk.display())), "{refused}");
        assert_eq!(host.json("instance list"), serde_json::json!([]), "nothing is made");
        fs::remove_file(disk)?;
        host.done(&format!("boot web2 {boot}"));
        host.done(&format!("boot web2 {boot} --if-not-exists"));
        Ok(())
    });
}
