//! Which libvirt, and where machines' files are.

use std::path::PathBuf;

use clap::Args;
use innkeeper_hypervisor::libvirt::{InstanceDirectory, Virsh};
use innkeeper_model::InstanceId;

use crate::cli::error::CliError;

#[derive(Debug, Args)]
#[command(next_help_heading = "Hypervisor options")]
pub(crate) struct Place {
    /// The libvirt of this machine.
    #[arg(
        long,
        env = "INNKEEPER_LIBVIRT_URI",
        value_name = "URI",
        default_value = "qemu:///system"
    )]
    libvirt_uri: String,
    /// Where each machine has a directory for its disks, as in Nova's configuration.
    #[arg(
        long,
        env = "INNKEEPER_INSTANCES_PATH",
        value_name = "DIR",
        default_value = "/var/lib/innkeeper/instances"
    )]
    instances_path: PathBuf,
}

impl Place {
    /// That libvirt.
    pub(crate) fn virsh(&self) -> Result<Virsh, CliError> {
        Ok(Virsh::at(&self.libvirt_uri)?)
    }

    /// A machine's directory, as an absolute path: libvirt has another working directory.
    pub(crate) fn directory(&self, id: InstanceId) -> Result<InstanceDirectory, CliError> {
        let absolute = std::path::absolute(&self.instances_path);
        let absolute = absolute.map_err(|error| CliError::File {
            path: self.instances_path.display().to_string(),
            cause: error.to_string(),
        })?;
        Ok(InstanceDirectory::new(&absolute, id))
    }
}
