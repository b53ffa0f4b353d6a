//! A domain's description, written.

use innkeeper_model::{Flavor, ImageId, InstanceId, ProjectId};

use super::{
    device::{Bus, Disk, Interface},
    virt_type::VirtType,
    xml::Writer,
};

/// The namespace of what Nova writes into a domain about its instance. Monitoring tools read it.
const NOVA_NAMESPACE: &str = "http://openstack.org/xmlns/libvirt/nova/1.1";

/// A domain that is to be defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its UUID: the instance's id.
    pub id: InstanceId,
    /// See [`domain_name`](super::domain_name).
    pub name: String,
    /// How the instance is called by its owner.
    pub display_name: String,
    /// The owner.
    pub project: ProjectId,
    /// Memory, processors, and what monitoring is told.
    pub flavor: Flavor,
    /// The image that the root disk is made from.
    pub image: Option<ImageId>,
    /// With which virtualization it runs.
    pub virt_type: VirtType,
    /// The processor's architecture, such as `x86_64`.
    pub architecture: String,
    /// The type of machine, such as `pc` or `q35`; `None` leaves it to libvirt.
    pub machine: Option<String>,
    /// Boots this kernel instead of what is on a disk.
    pub direct_boot: Option<DirectBoot>,
    /// Disks, in order.
    pub disks: Vec<Disk>,
    /// Network interfaces, in the order in which the guest finds them.
    pub interfaces: Vec<Interface>,
    /// Where the serial console is recorded.
    pub console_log: String,
    /// The version that guests read in the SMBIOS tables.
    pub product_version: String,
}

/// A kernel that is given to the machine from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectBoot {
    /// Its file.
    pub kernel: String,
    /// Its initial ramdisk's file.
    pub initrd: Option<String>,
    /// Its command line.
    pub command_line: Option<String>,
}

impl Domain {
    /// The description that libvirt takes.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::default();
        writer.open("domain", &[("type", self.virt_type.as_str())]);
        writer.text("name", &[], &self.name);
        writer.text("uuid", &[], &self.id.to_string());
        self.write_metadata(&mut writer);
        writer.text("memory", &[("unit", "MiB")], &self.flavor.ram_mib.to_string());
        writer.text("vcpu", &[], &self.flavor.vcpus.to_string());
        self.write_sysinfo(&mut writer);
        self.write_boot(&mut writer);
        writer.open("features", &[]);
        writer.empty("acpi", &[]);
        if self.is_x86() {
            writer.empty("apic", &[]);
        }
        writer.close();
        if self.virt_type == VirtType::Kvm {
            writer.empty("cpu", &[("mode", "host-model"), ("check", "partial")]);
        }
        self.write_clock(&mut writer);
        writer.text("on_poweroff", &[], "destroy");
        writer.text("on_reboot", &[], "restart");
        writer.text("on_crash", &[], "destroy");
        self.write_devices(&mut writer);
        writer.finish()
    }

    /// As Nova writes it, so that what reads Nova's domains reads these.
    fn write_metadata(&self, writer: &mut Writer) {
        let flavor = &self.flavor;
        writer.open("metadata", &[]);
        writer.open("nova:instance", &[("xmlns:nova", NOVA_NAMESPACE)]);
        writer.text("nova:name", &[], &self.display_name);
        writer.open("nova:flavor", &[("name", &flavor.name)]);
        writer.text("nova:memory", &[], &flavor.ram_mib.to_string());
        writer.text("nova:disk", &[], &flavor.disk_gib.to_string());
        writer.text("nova:vcpus", &[], &flavor.vcpus.to_string());
        writer.close();
        writer.open("nova:owner", &[]);
        writer.empty("nova:project", &[("uuid", &self.project.to_string())]);
        writer.close();
        if let Some(image) = self.image {
            writer.empty("nova:root", &[("type", "image"), ("uuid", &image.to_string())]);
        }
        writer.close();
        writer.close();
    }

    /// What Nova's guests read in their SMBIOS tables. Without the product's name cloud-init does
    /// not look for a metadata service.
    fn write_sysinfo(&self, writer: &mut Writer) {
        let id = self.id.to_string();
        writer.open("sysinfo", &[("type", "smbios")]);
        writer.open("system", &[]);
        for (name, value) in [
            ("manufacturer", "OpenStack Foundation"),
            ("product", "OpenStack Nova"),
            ("version", self.product_version.as_str()),
            ("serial", id.as_str()),
            ("uuid", id.as_str()),
            ("family", "Virtual Machine"),
        ] {
            writer.text("entry", &[("name", name)], value);
        }
        writer.close();
        writer.close();
    }

    fn write_boot(&self, writer: &mut Writer) {
        writer.open("os", &[]);
        let mut attributes = vec![("arch", self.architecture.as_str())];
        attributes.extend(self.machine.as_deref().map(|machine| ("machine", machine)));
        writer.text("type", &attributes, "hvm");
        match &self.direct_boot {
            Some(direct) => {
                writer.text("kernel", &[], &direct.kernel);
                if let Some(initrd) = &direct.initrd {
                    writer.text("initrd", &[], initrd);
                }
                if let Some(command_line) = &direct.command_line {
                    writer.text("cmdline", &[], command_line);
                }
            }
            None => writer.empty("boot", &[("dev", "hd")]),
        }
        writer.empty("smbios", &[("mode", "sysinfo")]);
        writer.close();
    }

    fn write_devices(&self, writer: &mut Writer) {
        writer.open("devices", &[]);
        for disk in &self.disks {
            disk.write(writer);
        }
        if self.disks.iter().any(|disk| disk.bus == Bus::Scsi) {
            writer.empty("controller", &[("type", "scsi"), ("model", "virtio-scsi")]);
        }
        for interface in &self.interfaces {
            interface.write(writer);
        }
        writer.open("serial", &[("type", "pty")]);
        writer.empty("log", &[("file", &self.console_log), ("append", "off")]);
        writer.empty("target", &[("port", "0")]);
        writer.close();
        writer.open("rng", &[("model", "virtio")]);
        writer.text("backend", &[("model", "random")], "/dev/urandom");
        writer.close();
        writer.open("memballoon", &[("model", "virtio")]);
        writer.empty("stats", &[("period", "10")]);
        writer.close();
        writer.close();
    }

    /// Guests that are late catch up.
    fn write_clock(&self, writer: &mut Writer) {
        writer.open("clock", &[("offset", "utc")]);
        if self.is_x86() {
            writer.empty("timer", &[("name", "pit"), ("tickpolicy", "delay")]);
            writer.empty("timer", &[("name", "rtc"), ("tickpolicy", "catchup")]);
            writer.empty("timer", &[("name", "hpet"), ("present", "no")]);
        }
        writer.close();
    }

    fn is_x86(&self) -> bool {
        matches!(self.architecture.as_str(), "x86_64" | "i686")
    }
}
