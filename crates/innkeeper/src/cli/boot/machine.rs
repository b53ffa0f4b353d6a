//! The machine that an instance becomes: its domain, put together from what is known.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;
use innkeeper_control_api::ListFilter;
use innkeeper_hypervisor::{
    Format,
    libvirt::{
        Bus, Buses, DirectBoot, Disk, Domain, InstanceDirectory, Interface, Medium, VirtType,
        domain_name, path_text,
    },
};
use innkeeper_model::{
    Flavor, Image, Instance, InstanceId, MacAddress, Network, Port, PortId, ProjectId, Properties,
};

use super::image;
use crate::cli::{error::CliError, session::Session};

/// Where a guest reads how its interfaces are to be configured.
const NETWORK_DATA: &str = "/openstack/latest/network_data.json";

#[derive(Debug, Args)]
#[command(next_help_heading = "Hypervisor options")]
pub(super) struct MachineArgs {
    /// With KVM or emulated; KVM if /dev/kvm can be opened otherwise.
    #[arg(long, env = "INNKEEPER_VIRT_TYPE", value_name = "kvm|qemu")]
    virt_type: Option<VirtType>,
    /// The type of machine, such as pc or q35; the image property hw_machine_type otherwise.
    #[arg(long, value_name = "TYPE")]
    machine: Option<String>,
    /// Boot this kernel instead of what is on the disk; the image's kernel otherwise.
    #[arg(long, value_name = "FILE")]
    pub(super) kernel: Option<PathBuf>,
    /// The kernel's initial ramdisk; the image's ramdisk otherwise.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// The kernel's command line; the image property os_command_line otherwise.
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
}

/// Whose machine it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) id: InstanceId,
    pub(super) name: &'a str,
    pub(super) project: &'a ProjectId,
    pub(super) flavor: &'a Flavor,
    pub(super) image: Option<&'a Image>,
}

impl<'a> Subject<'a> {
    /// An instance that is there, made from `image`.
    pub(super) fn of(instance: &'a Instance, image: Option<&'a Image>) -> Self {
        let Instance { id, name, project_id: project, flavor, .. } = instance;
        Self { id: *id, name, project, flavor, image }
    }
}

/// What is on the machine's disks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disks {
    /// Whether it has a root disk.
    pub(super) root: bool,
    /// The config drive's kind, and QEMU's name of it, if it has one.
    pub(super) config_drive: Option<(Format, &'static str)>,
}

impl MachineArgs {
    /// The files of a kernel that was given or that the image names; none may be missing.
    pub(super) async fn direct_boot(
        &self,
        session: &Session<'_>,
        image: Option<&Image>,
    ) -> Result<Option<DirectBoot>, CliError> {
        let of_image = |id| async move {
            match id {
                Some(id) => image::file_of_id(session, id).await.map(Some),
                None => Ok(None),
            }
        };
        let (kernel, initrd) = match &self.kernel {
            Some(kernel) => {
                let initrd = self.initrd.as_deref().map(absolute).transpose()?;
                (Some(absolute(kernel)?), initrd)
            }
            None => (
                of_image(image.and_then(|image| image.kernel_id)).await?,
                of_image(image.and_then(|image| image.ramdisk_id)).await?,
            ),
        };
        let Some(kernel) = kernel else {
            return match &self.append {
                None => Ok(None),
                Some(_) => Err(CliError::Usage(
                    "--append is for a kernel: give --kernel, or an image with one".to_owned(),
                )),
            };
        };
        for file in [Some(&kernel), initrd.as_ref()].into_iter().flatten() {
            std::fs::File::open(file)
                .map_err(|error| CliError::File { path: file.clone(), cause: error.to_string() })?;
        }
        let property = image.and_then(|image| image.properties.get("os_command_line"));
        let command_line = self.append.as_ref().or(property).cloned();
        Ok(Some(DirectBoot { kernel, initrd, command_line }))
    }

    /// The domain of an instance.
    pub(super) fn domain(
        &self,
        subject: Subject<'_>,
        direct_boot: Option<DirectBoot>,
        directory: &InstanceDirectory,
        disks: Disks,
        interfaces: Vec<Interface>,
    ) -> Result<Domain, CliError> {
        let none = Properties::new();
        let properties = subject.image.map_or(&none, |image| &image.properties);
        let architecture = std::env::consts::ARCH;
        let of_image = || properties.get("hw_machine_type");
        let machine = self.machine.as_ref().or_else(of_image);
        // libvirt's own choice may change with its version, and the CD's place with it.
        let machine = machine.cloned().or_else(|| (architecture == "x86_64").then(|| "pc".into()));
        let buses = Buses {
            disks: bus(properties, "hw_disk_bus")?.unwrap_or(Bus::Virtio),
            cdroms: bus(properties, "hw_cdrom_bus")?
                .unwrap_or_else(|| Bus::of_cdroms(architecture, machine.as_deref())),
        };
        Ok(Domain {
            id: subject.id,
            name: domain_name(subject.name, subject.id),
            display_name: subject.name.to_owned(),
            project: subject.project.clone(),
            flavor: subject.flavor.clone(),
            image: subject.image.map(|image| image.id),
            virt_type: self.virt_type.unwrap_or_else(VirtType::of_this_machine),
            architecture: architecture.to_owned(),
            machine,
            direct_boot,
            disks: files(directory, disks, buses)?,
            interfaces: with_model(interfaces, properties.get("hw_vif_model")),
            console_log: path_text(&directory.console_log())?,
            product_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

/// One interface per port of an instance, in the order in which its documents name them.
pub(super) async fn interfaces(
    session: &Session<'_>,
    instance: &Instance,
) -> Result<Vec<Interface>, CliError> {
    let ports = session.client.list::<Port>(&ListFilter::default()).await?;
    let its = ports.iter().filter(|port| port.attachment.instance() == Some(instance.id));
    let mut its: Vec<_> = its.collect();
    if its.len() > 1 {
        let order = documented_order(session, instance.id).await?;
        let place = |port: &Port| order.iter().position(|id| *id == port.id.to_string());
        its.sort_by_key(|port| place(port).unwrap_or(usize::MAX));
    }
    let mut interfaces = Vec::with_capacity(its.len());
    for port in its {
        let network = session.client.fetch::<Network>(&port.network_id).await?;
        interfaces.push(interface(port.id, Some(port.mac_address), &network));
    }
    Ok(interfaces)
}

/// Ids of ports as the guest finds them in its network data: the first is its first interface.
async fn documented_order(session: &Session<'_>, id: InstanceId) -> Result<Vec<String>, CliError> {
    let answer = session.client.instance_metadata(id, NETWORK_DATA).await?;
    if !answer.status.is_success() {
        return Err(CliError::Guest { status: answer.status, reason: answer.reason });
    }
    let document = serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap_or_default();
    let links = document["links"].as_array().into_iter().flatten();
    Ok(links.filter_map(|link| link["vif_id"].as_str().map(str::to_owned)).collect())
}

/// An interface of a port.
pub(super) fn interface(port: PortId, mac: Option<MacAddress>, network: &Network) -> Interface {
    Interface {
        mac,
        bridge: network.bridge_name(),
        tap: Port::interface_name(port, "tap"),
        mtu: network.mtu,
        model: "virtio".to_owned(),
    }
}

fn with_model(mut interfaces: Vec<Interface>, model: Option<&String>) -> Vec<Interface> {
    if let Some(model) = model {
        interfaces.iter_mut().for_each(|interface| interface.model.clone_from(model));
    }
    interfaces
}

fn bus(properties: &Properties, name: &str) -> Result<Option<Bus>, CliError> {
    let bus = properties.get(name).map(|value| value.parse::<Bus>());
    bus.transpose().map_err(|cause| {
        let message = format!("the image's property {name} cannot be used here: {cause}");
        CliError::Usage(message)
    })
}

/// The root disk, and after it the config drive.
fn files(directory: &InstanceDirectory, disks: Disks, buses: Buses) -> Result<Vec<Disk>, CliError> {
    let mut all = Vec::new();
    let mut taken = BTreeSet::new();
    if disks.root {
        let target = buses.disks.free_target(&taken)?;
        taken.insert(target.clone());
        let file = path_text(&directory.root_disk())?;
        let (medium, bus) = (Medium::Disk, buses.disks);
        all.push(Disk { medium, bus, target, file, format: "qcow2", is_read_only: false });
    }
    if let Some((format, qemu_format)) = disks.config_drive {
        let file = path_text(&directory.config_drive())?;
        let drive = Disk::config_drive(format, file, buses, &taken)?;
        all.push(Disk { format: qemu_format, ..drive });
    }
    Ok(all)
}

fn absolute(file: &Path) -> Result<String, CliError> {
    let absolute = std::path::absolute(file).map_err(|error| CliError::File {
        path: file.display().to_string(),
        cause: error.to_string(),
    })?;
    Ok(path_text(&absolute)?)
}
