//! A domain's description, read.

use std::{collections::BTreeSet, path::Path};

use innkeeper_model::InstanceId;
use roxmltree::{Document, Node};

use super::device::{Bus, Buses};

/// What matters here of a domain that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its UUID, which may be an instance's id.
    pub id: InstanceId,
    /// Its name.
    pub name: String,
    /// The processor's architecture; empty if it is not said.
    pub architecture: String,
    /// The type of machine.
    pub machine: Option<String>,
    /// Every disk, CD and floppy.
    pub disks: Vec<PresentDisk>,
    /// The product's name that the guest reads in the SMBIOS tables, if the domain sets one.
    pub product: Option<String>,
}

/// A disk that a domain has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentDisk {
    /// Such as `vda`.
    pub target: String,
    /// Such as `cdrom`.
    pub device: String,
    /// Such as `virtio`.
    pub bus: String,
    /// Its file; `None` if it has none or is something else.
    pub file: Option<String>,
}

impl Description {
    /// Reads what `virsh dumpxml` prints.
    pub fn read(xml: &str) -> Result<Self, String> {
        let document = Document::parse(xml).map_err(|error| error.to_string())?;
        let domain = document.root_element();
        if !domain.has_tag_name("domain") {
            return Err(format!("a <{}> is no domain", domain.tag_name().name()));
        }
        let text = |name| child(domain, name).and_then(|it| it.text()).unwrap_or_default().trim();
        let kind = child(domain, "os").and_then(|os| child(os, "type"));
        let attribute = |name| kind.and_then(|kind| kind.attribute(name)).map(str::to_owned);
        let id = text("uuid");
        Ok(Self {
            id: id.parse().map_err(|_no_uuid| format!("it has no UUID but \"{id}\""))?,
            name: text("name").to_owned(),
            architecture: attribute("arch").unwrap_or_default(),
            machine: attribute("machine"),
            disks: child(domain, "devices").map(disks).unwrap_or_default(),
            product: product(domain),
        })
    }

    /// Names of disks that are taken.
    pub fn targets(&self) -> BTreeSet<String> {
        self.disks.iter().map(|disk| disk.target.clone()).collect()
    }

    /// The disk that is this file.
    pub fn disk_of(&self, file: &Path) -> Option<&PresentDisk> {
        self.disks.iter().find(|disk| disk.file.as_deref().map(Path::new) == Some(file))
    }

    /// What a further disk or CD hangs on.
    pub fn buses(&self) -> Buses {
        Buses {
            disks: Bus::Virtio,
            cdroms: Bus::of_cdroms(&self.architecture, self.machine.as_deref()),
        }
    }

    /// Whether guests see the platform that cloud-init takes for OpenStack.
    pub fn looks_like_openstack(&self) -> bool {
        matches!(self.product.as_deref(), Some("OpenStack Nova" | "OpenStack Compute"))
    }
}

fn child<'a, 'x>(of: Node<'a, 'x>, name: &str) -> Option<Node<'a, 'x>> {
    of.children().find(|node| node.has_tag_name(name))
}

fn disks(devices: Node<'_, '_>) -> Vec<PresentDisk> {
    let all = devices.children().filter(|node| node.has_tag_name("disk"));
    let present = all.map(|disk| {
        let of = |element, attribute| {
            child(disk, element).and_then(|it| it.attribute(attribute)).map(str::to_owned)
        };
        PresentDisk {
            target: of("target", "dev").unwrap_or_default(),
            // libvirt's own default.
            device: disk.attribute("device").unwrap_or("disk").to_owned(),
            bus: of("target", "bus").unwrap_or_default(),
            file: of("source", "file"),
        }
    });
    present.collect()
}

/// Only if the machine is told to show it.
fn product(domain: Node<'_, '_>) -> Option<String> {
    let mode = child(child(domain, "os")?, "smbios")?.attribute("mode");
    let smbios = domain.children().find(|node| {
        node.has_tag_name("sysinfo") && matches!(node.attribute("type"), None | Some("smbios"))
    });
    let system = child(smbios.filter(|_| mode == Some("sysinfo"))?, "system")?;
    let entry = system.children().find(|node| node.attribute("name") == Some("product"))?;
    entry.text().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRINTED: &str = include_str!("golden/printed-by-libvirt.xml");

    #[test]
    fn what_libvirt_prints_is_read() {
        let read = Description::read(PRINTED).expect("a description");
        assert_eq!(read.id.to_string(), "0f0e0d0c-0000-4000-8000-000000000001");
        assert_eq!((&*read.name, &*read.architecture), ("web1", "x86_64"));
        assert_eq!(read.machine.as_deref(), Some("pc-i440fx-7.2"));
        let targets: Vec<_> = read.targets().into_iter().collect();
        assert_eq!(targets, ["hda", "vda"]);
        let drive = read.disk_of(Path::new("/srv/a & b/disk.config")).expect("the drive");
        assert_eq!((&*drive.device, &*drive.bus, &*drive.target), ("cdrom", "ide", "hda"));
        assert!(read.looks_like_openstack());
        assert_eq!(read.buses(), Buses { disks: Bus::Virtio, cdroms: Bus::Ide });
    }

    #[test]
    fn what_is_not_shown_to_the_guest_does_not_count() {
        let hidden = PRINTED.replace("<smbios mode='sysinfo'/>", "");
        assert!(!Description::read(&hidden).expect("a description").looks_like_openstack());
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for (xml, reason) in [
            ("", "root"),
            ("<network/>", "<network> is no domain"),
            ("<domain><uuid>x</uuid></domain>", "no UUID but \"x\""),
            ("<domain>", "closed"),
        ] {
            let error = Description::read(xml).expect_err(xml);
            assert!(error.contains(reason), "{xml:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(at in 0..PRINTED.len(), with in "[<>&'/a-z]{0,4}") {
            let spoilt: String = PRINTED
                .char_indices()
                .flat_map(|(place, c)| {
                    let more = if place == at { with.as_str() } else { "" };
                    more.chars().chain(std::iter::once(c))
                })
                .collect();
            let _ = Description::read(&spoilt);
        }
    }
}
