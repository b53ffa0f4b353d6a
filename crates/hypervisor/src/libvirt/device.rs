//! Devices of a domain: disks and network interfaces.

use std::{collections::BTreeSet, fmt, str::FromStr};

use innkeeper_config_drive::Format;
use innkeeper_model::MacAddress;

use super::xml::Writer;
use crate::HypervisorError;

/// What a disk hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// Paravirtual.
    Virtio,
    /// Four places, in machines of the type `pc`.
    Ide,
    /// In machines of the type `q35`.
    Sata,
    /// On machines that have neither IDE nor SATA.
    Scsi,
}

impl Bus {
    /// Its name in a domain's description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Ide => "ide",
            Self::Sata => "sata",
            Self::Scsi => "scsi",
        }
    }

    /// The bus for CDs: as Nova chooses it.
    pub fn of_cdroms(architecture: &str, machine: Option<&str>) -> Self {
        let machine = machine.unwrap_or_default();
        match architecture {
            "x86_64" | "i686" if machine.contains("q35") => Self::Sata,
            "x86_64" | "i686" => Self::Ide,
            _ => Self::Scsi,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Virtio => "vd",
            Self::Ide => "hd",
            Self::Sata | Self::Scsi => "sd",
        }
    }

    const fn places(self) -> usize {
        match self {
            Self::Ide => 4,
            // Names of one letter; a machine with more disks has other ways.
            Self::Virtio | Self::Sata | Self::Scsi => 26,
        }
    }

    /// The first name that no disk has: `vda`, `hdb`.
    pub fn free_target(self, taken: &BTreeSet<String>) -> Result<String, HypervisorError> {
        let names = ('a'..='z').take(self.places()).map(|letter| {
            let prefix = self.prefix();
            format!("{prefix}{letter}")
        });
        let mut free = names.filter(|name| !taken.contains(name));
        free.next().ok_or(HypervisorError::BusFull { bus: self.as_str() })
    }
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Bus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Virtio, Self::Ide, Self::Sata, Self::Scsi];
        let found = all.into_iter().find(|bus| bus.as_str() == text);
        found.ok_or_else(|| {
            format!("\"{}\" is none of virtio, ide, sata and scsi", text.escape_debug())
        })
    }
}

/// What a guest takes a disk for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A hard disk.
    Disk,
    /// A CD: it cannot be written.
    Cdrom,
}

impl Medium {
    /// Its name in a domain's description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Cdrom => "cdrom",
        }
    }
}

/// A disk that is a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// What the guest takes it for.
    pub medium: Medium,
    /// What it hangs on.
    pub bus: Bus,
    /// Its name on that bus, such as `vda`.
    pub target: String,
    /// The file.
    pub file: String,
    /// QEMU's name of the file's format.
    pub format: &'static str,
    /// Whether the guest is kept from writing.
    pub is_read_only: bool,
}

impl Disk {
    /// The config drive in `file`: a CD if it is an ISO 9660 image, else a disk, at the first place
    /// that no disk of `taken` has. A fixed VHD is given as it is: it begins with the image.
    pub fn config_drive(
        format: Format,
        file: String,
        buses: Buses,
        taken: &BTreeSet<String>,
    ) -> Result<Self, HypervisorError> {
        let (medium, bus) = match format {
            Format::Iso9660 => (Medium::Cdrom, buses.cdroms),
            Format::Vfat | Format::Vhd => (Medium::Disk, buses.disks),
        };
        // What a guest wrote there would not be what was kept. QEMU has no such IDE or SATA disks.
        let is_read_only = medium == Medium::Cdrom || matches!(bus, Bus::Virtio | Bus::Scsi);
        let target = bus.free_target(taken)?;
        Ok(Self { medium, bus, target, file, format: "raw", is_read_only })
    }

    /// The element of a domain's description.
    pub fn element(&self) -> String {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.finish()
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.open("disk", &[("type", "file"), ("device", self.medium.as_str())]);
        writer.empty("driver", &[("name", "qemu"), ("type", self.format)]);
        writer.empty("source", &[("file", &self.file)]);
        writer.empty("target", &[("dev", &self.target), ("bus", self.bus.as_str())]);
        if self.is_read_only {
            writer.empty("readonly", &[]);
        }
        writer.close();
    }
}

/// What a machine's disks and CDs hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buses {
    /// Disks.
    pub disks: Bus,
    /// CDs.
    pub cdroms: Bus,
}

/// A network interface that is plugged into a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The port's address; `None` lets libvirt make one.
    pub mac: Option<MacAddress>,
    /// The bridge.
    pub bridge: String,
    /// The name of this machine's end: `tap` and the beginning of the port's id.
    pub tap: String,
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// What the guest takes it for, such as `virtio`.
    pub model: String,
}

impl Interface {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.open("interface", &[("type", "bridge")]);
        if let Some(mac) = self.mac {
            writer.empty("mac", &[("address", &mac.to_string())]);
        }
        writer.empty("source", &[("bridge", &self.bridge)]);
        writer.empty("target", &[("dev", &self.tap)]);
        writer.empty("model", &[("type", &self.model)]);
        if let Some(mtu) = self.mtu {
            writer.empty("mtu", &[("size", &mtu.to_string())]);
        }
        writer.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_first_free_place_is_taken() {
        let target = |bus: Bus, names: &[&str]| bus.free_target(&taken(names));
        assert_eq!(target(Bus::Virtio, &["vda", "hda"]).expect("free"), "vdb");
        assert_eq!(target(Bus::Ide, &["hdb"]).expect("free"), "hda");
        assert_eq!(target(Bus::Sata, &[]).expect("free"), "sda");
        let full = target(Bus::Ide, &["hda", "hdb", "hdc", "hdd"]).expect_err("full");
        assert!(full.to_string().contains("every place on the domain's ide bus"), "{full}");
    }

    #[test]
    fn cds_hang_where_nova_hangs_them() {
        for (architecture, machine, bus) in [
            ("x86_64", None, Bus::Ide),
            ("x86_64", Some("pc-i440fx-7.2"), Bus::Ide),
            ("x86_64", Some("pc-q35-7.2"), Bus::Sata),
            ("aarch64", Some("virt"), Bus::Scsi),
        ] {
            assert_eq!(Bus::of_cdroms(architecture, machine), bus);
        }
    }

    #[test]
    fn a_config_drive_is_what_its_format_says() {
        let buses = Buses { disks: Bus::Virtio, cdroms: Bus::Sata };
        let drive = |format| {
            Disk::config_drive(format, "/i/disk.config".to_owned(), buses, &taken(&["vda"]))
                .expect("a place")
        };
        let iso = drive(Format::Iso9660);
        assert_eq!((iso.medium, iso.bus, &*iso.target), (Medium::Cdrom, Bus::Sata, "sda"));
        assert!(iso.is_read_only && iso.element().contains("<readonly/>"));
        for format in [Format::Vfat, Format::Vhd] {
            let disk = drive(format);
            assert_eq!((disk.medium, disk.bus, &*disk.target), (Medium::Disk, Bus::Virtio, "vdb"));
            assert!(disk.is_read_only);
        }
        let buses = Buses { disks: Bus::Ide, cdroms: Bus::Ide };
        let disk = Disk::config_drive(Format::Vfat, "/d".to_owned(), buses, &taken(&[]));
        assert!(!disk.expect("a place").is_read_only, "QEMU refuses such a disk");
    }
}
