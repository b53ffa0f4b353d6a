//! Descriptions beside those of `golden/`: what is written is read by libvirt, by monitoring tools
//! and by cloud-init, so that no change of it is by chance.

use std::collections::BTreeSet;

use innkeeper_model::{Flavor, ImageId, Properties};
use proptest::prelude::*;

use super::{Bus, Buses, Description, DirectBoot, Disk, Domain, Interface, Medium, VirtType};
use crate::Format;

fn flavor() -> Flavor {
    Flavor {
        id: "1".parse().expect("an id"),
        name: "m1.tiny".to_owned(),
        vcpus: 2,
        ram_mib: 512,
        disk_gib: 20,
        extra_specs: Properties::new(),
        created_at: 0,
    }
}

fn root_disk() -> Disk {
    Disk {
        medium: Medium::Disk,
        bus: Bus::Virtio,
        target: "vda".to_owned(),
        file: "/var/lib/innkeeper/instances/web1/disk".to_owned(),
        format: "qcow2",
        is_read_only: false,
    }
}

fn drive(format: Format, cdroms: Bus) -> Disk {
    let buses = Buses { disks: Bus::Virtio, cdroms };
    let file = "/var/lib/innkeeper/instances/web1/disk.config".to_owned();
    let taken = BTreeSet::from(["vda".to_owned()]);
    Disk::config_drive(format, file, buses, &taken).expect("a place")
}

fn web1() -> Domain {
    let image: ImageId = "1d2c3b4a-0000-4000-8000-000000000001".parse().expect("an id");
    Domain {
        id: "0f0e0d0c-0000-4000-8000-000000000001".parse().expect("an id"),
        name: "web1".to_owned(),
        display_name: "web1".to_owned(),
        project: "blue".parse().expect("an id"),
        flavor: flavor(),
        image: Some(image),
        virt_type: VirtType::Qemu,
        architecture: "x86_64".to_owned(),
        machine: Some("pc".to_owned()),
        direct_boot: None,
        disks: vec![root_disk(), drive(Format::Iso9660, Bus::Ide)],
        interfaces: vec![Interface {
            mac: Some("fa:16:3e:00:00:01".parse().expect("an address")),
            bridge: "brq04f10770-39".to_owned(),
            tap: "tap04f10770-39".to_owned(),
            mtu: Some(1450),
            model: "virtio".to_owned(),
        }],
        console_log: "/var/lib/innkeeper/instances/web1/console.log".to_owned(),
        product_version: "1.2.3".to_owned(),
    }
}

#[test]
fn a_cd_in_a_pc() {
    assert_eq!(web1().to_xml(), include_str!("golden/iso-pc.xml"));
}

#[test]
fn a_vfat_disk_and_a_kernel_from_outside() {
    let domain = Domain {
        display_name: "<web> & 'co'".to_owned(),
        image: None,
        machine: None,
        direct_boot: Some(DirectBoot {
            kernel: "/boot/vmlinuz".to_owned(),
            initrd: Some("/boot/initrd".to_owned()),
            command_line: Some("console=ttyS0 a=\"<b>\"".to_owned()),
        }),
        disks: vec![root_disk(), drive(Format::Vfat, Bus::Ide)],
        interfaces: Vec::new(),
        ..web1()
    };
    assert_eq!(domain.to_xml(), include_str!("golden/vfat-direct.xml"));
}

#[test]
fn kvm_and_a_cd_in_a_q35() {
    let mut domain = Domain {
        virt_type: VirtType::Kvm,
        machine: Some("q35".to_owned()),
        disks: vec![root_disk(), drive(Format::Iso9660, Bus::Sata)],
        ..web1()
    };
    domain.interfaces[0].mac = None;
    domain.interfaces[0].mtu = None;
    assert_eq!(domain.to_xml(), include_str!("golden/iso-q35-kvm.xml"));
}

/// Text as XML can say it: the rest is replaced, which is told apart elsewhere.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            proptest::sample::select(vec!['<', '>', '&', '\'', '"']),
            proptest::char::range(' ', '\u{d7ff}'),
        ],
        0..20,
    )
    .prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn values_never_become_elements(name in text(), file in text(), command_line in text()) {
        let mut domain = web1();
        domain.name.clone_from(&name);
        domain.display_name.clone_from(&name);
        domain.disks[1].file.clone_from(&file);
        domain.interfaces[0].bridge.clone_from(&name);
        let boot = DirectBoot {
            kernel: file.clone(),
            initrd: None,
            command_line: Some(command_line),
        };
        domain.direct_boot = Some(boot);
        let read = Description::read(&domain.to_xml()).expect("a description");
        prop_assert_eq!(read.id, domain.id);
        prop_assert_eq!(&*read.name, name.trim());
        prop_assert_eq!(read.disks.len(), 2);
        prop_assert_eq!(read.disks[1].file.as_deref(), Some(&*file));
        prop_assert!(read.looks_like_openstack());
    }
}
