//! `innkeeper config-drive attach-vsphere`: the drive of an instance, in a VMware machine.

use std::path::PathBuf;

use clap::Args;
use innkeeper_config_drive::Format;
use innkeeper_control_api::KeepConfigDrive;
use innkeeper_hypervisor::vsphere::{Attached, Login, Machine, VSphere, VSphereError};
use innkeeper_model::{Instance, InstanceId, Secret};

use crate::cli::{arguments::read_text, error::CliError, output::note, session::Session};

#[derive(Debug, Args)]
pub(crate) struct AttachVSphere {
    /// The instance, by name or id.
    #[arg(value_name = "NAME|ID")]
    instance: String,
    /// The vCenter or ESXi host, for example https://vcenter.example.org.
    #[arg(long, env = "INNKEEPER_VSPHERE_SERVER", value_name = "URL")]
    server: String,
    /// The user there.
    #[arg(long = "vsphere-user", env = "INNKEEPER_VSPHERE_USER", value_name = "USER")]
    user: String,
    /// File with the user's password.
    #[arg(long, env = "INNKEEPER_VSPHERE_PASSWORD_FILE", value_name = "FILE")]
    password_file: PathBuf,
    /// The machine's inventory path, for example /DC/vm/web1; otherwise the machine whose instance
    /// UUID or BIOS UUID is the instance's id.
    #[arg(long, value_name = "PATH")]
    machine: Option<String>,
    /// The datastore for the drive; otherwise the one with the machine's own files.
    #[arg(long, value_name = "NAME")]
    datastore: Option<String>,
    /// PEM file with the authorities of the server's certificate; otherwise the public ones.
    #[arg(long, env = "INNKEEPER_VSPHERE_CA", value_name = "FILE")]
    vsphere_ca: Option<PathBuf>,
    /// Take any certificate from the server: for trials only.
    #[arg(long)]
    insecure: bool,
}

pub(crate) async fn run(session: &Session<'_>, args: AttachVSphere) -> Result<(), CliError> {
    let password = read_text(&args.password_file)?;
    let login = Login {
        server: args.server,
        user: args.user,
        password: Secret::new(password.trim_end_matches(['\r', '\n'])),
        authorities: args.vsphere_ca,
        insecure: args.insecure,
    };
    let machine = args.machine.map_or(Machine::OfInstance, Machine::InventoryPath);
    let instance = session.find::<Instance>(&args.instance).await?;
    let iso = iso(session, instance.id).await?;
    note(&format!("config drive: {} bytes, to be uploaded", iso.len()));
    let work = move || attach(&login, instance.id, &machine, args.datastore.as_deref(), &iso);
    let attached = tokio::task::spawn_blocking(work).await;
    let attached = attached.map_err(|error| CliError::Partly(error.to_string()))??;
    let how = if attached.reconfigured {
        "uploaded, and put into a CD-ROM drive that is connected at start"
    } else {
        "uploaded; the machine's CD-ROM drive had it already"
    };
    session.output.say(&format!("{}: {how}", attached.file))
}

/// The kept drive if it is an ISO image, which is all that vSphere takes; else one made of the same.
async fn iso(session: &Session<'_>, id: InstanceId) -> Result<bytes::Bytes, CliError> {
    let kept = session.client.config_drive_keep(id, &KeepConfigDrive::default()).await?;
    let iso = Format::Iso9660.as_str();
    Ok(if kept.format == iso {
        session.client.config_drive_kept(id).await?
    } else {
        session.client.config_drive_build(id, iso, None).await?
    })
}

fn attach(
    login: &Login,
    id: InstanceId,
    machine: &Machine,
    datastore: Option<&str>,
    iso: &[u8],
) -> Result<Attached, VSphereError> {
    let mut server = VSphere::log_in(login)?;
    let attached = server.attach(id, machine, datastore, iso);
    let ended = server.log_out();
    let attached = attached?;
    // The drive is there; a session that stays ends by itself.
    if let Err(error) = ended {
        note(&format!("warning: {error}"));
    }
    Ok(attached)
}
