//! A kernel that is not ours finds each kind of drive by its label, mounts it, and reads from every
//! file what we read from it.

use std::collections::BTreeMap;

use innkeeper_lab::Report;

use crate::{
    drives::{Kind, Operator},
    tiny_machine::TinyMachine,
};

const MOUNT: &str = r#"
echo "device $drive"
mount -o ro "$drive" /mnt || exit 1
echo "type $(awk '$2 == "/mnt" { print $3 }' /proc/mounts)"
cd /mnt
find . -type f | while IFS= read -r file; do
    echo "file $(sha256sum <"$file" | cut -d' ' -f1) ${file#./}"
done
find . ! -type f ! -type d | sed 's/^/odd /'
"#;

#[test]
fn an_iso_9660_drive_is_mounted_as_a_cd() {
    let device = mounted(Kind::Iso9660);
    assert!(device.starts_with("/dev/sr"), "{device}");
}

#[test]
fn a_vfat_drive_is_mounted_as_a_virtio_disk() {
    let device = mounted(Kind::Vfat);
    assert!(device.starts_with("/dev/vd"), "{device}");
}

#[test]
fn a_vhd_drive_is_mounted_as_a_disk() {
    let device = mounted(Kind::Vhd);
    assert!(device.starts_with("/dev/sd"), "{device}");
}

/// The device on which the kernel found it.
fn mounted(kind: Kind) -> String {
    let operator = Operator::new();
    let drive = operator.build(kind);
    let report =
        TinyMachine::with_drive_running(MOUNT, Vec::new()).drive(&drive, kind).boot().report;
    assert_eq!(report.first("type"), Some(kind.file_system()));
    assert!(report.all("odd").is_empty(), "neither file nor directory: {:?}", report.all("odd"));
    let (read, written) = (hashes(&report), operator.hashes(&drive));
    assert!(written.contains_key("openstack/latest/meta_data.json"), "{written:?}");
    assert!(written.contains_key("ec2/latest/meta-data.json"), "{written:?}");
    assert_eq!(read, written, "the guest's kernel reads the drive otherwise than we do");
    report.first("device").unwrap_or_default().to_owned()
}

fn hashes(report: &Report) -> BTreeMap<String, String> {
    let lines = report.all("file").into_iter().filter_map(|line| line.split_once(' '));
    lines.map(|(hash, path)| (path.to_owned(), hash.to_owned())).collect()
}
