//! `innkeeper config-drive`: the drive that carries an instance's documents where no network does.

mod attach;
mod build;
mod hyperv;
mod inspect;
mod rebuild;
mod vsphere;
mod written;

use clap::Subcommand;

pub(crate) use self::inspect::{Inspect, run as inspect};
use self::{attach::Attach, build::Build, hyperv::AttachHyperV, vsphere::AttachVSphere};
use super::{arguments::Which, error::CliError, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigDriveCommand {
    /// Make a config drive of an instance and write it to a file; nothing is kept.
    ///
    /// Any instance will do, also one without a config drive of its own. The same instance with the
    /// same --seed gives the same bytes.
    ///
    /// Example: innkeeper config-drive build --instance web1 -o web1.iso
    Build(Build),
    /// Show the config drive that is kept with an instance; one is made if there is none.
    ///
    /// Example: innkeeper config-drive show web1
    Show(Which),
    /// Make the config drive that is kept with an instance anew.
    ///
    /// Drives of instances that do not run are made anew by themselves when the instance changes.
    /// This also replaces the drive of one that runs, which goes on with the one that it has open:
    /// `config-drive attach` changes the CD of a libvirt domain.
    ///
    /// Example: innkeeper config-drive rebuild web1
    Rebuild(Which),
    /// Show what an image or block device holds, whoever made it.
    ///
    /// This needs no control API and no root: ISO 9660, FAT and VHD are read without being mounted.
    /// With PATH, that file's contents are printed as they are.
    ///
    /// Example: innkeeper config-drive inspect web1.iso openstack/latest/meta_data.json
    Inspect(Inspect),
    /// Keep an instance's config drive and plug it into a libvirt domain that exists.
    ///
    /// Example: innkeeper config-drive attach --domain web1
    Attach(Attach),
    /// Write an instance's config drive and the PowerShell that attaches it in Hyper-V.
    ///
    /// Copy the image to where --host-path says and run the script on the Hyper-V host. The script
    /// is unproven on Hyper-V: it has never been run there.
    ///
    /// Example: innkeeper config-drive attach-hyperv web1 --machine web1 --as dvd
    /// --host-path 'C:\drives\web1.iso'
    #[command(name = "attach-hyperv")]
    AttachHyperV(AttachHyperV),
    /// Upload an instance's config drive to a VMware datastore and put it into a machine.
    ///
    /// The machine gets it in a CD-ROM drive that is connected at start. Adding one to IDE needs the
    /// machine to be off. Running this again uploads the drive as it is by then.
    ///
    /// Example: innkeeper config-drive attach-vsphere web1 --server https://vcenter.example.org
    /// --vsphere-user innkeeper@vsphere.local --password-file ./password --machine /DC/vm/web1
    #[command(name = "attach-vsphere")]
    AttachVSphere(AttachVSphere),
}

pub(crate) async fn run(
    session: &Session<'_>,
    command: ConfigDriveCommand,
) -> Result<(), CliError> {
    match command {
        ConfigDriveCommand::Build(args) => build::run(session, &args).await,
        ConfigDriveCommand::Show(which) => rebuild::run(session, &which, false).await,
        ConfigDriveCommand::Rebuild(which) => rebuild::run(session, &which, true).await,
        ConfigDriveCommand::Inspect(args) => inspect(session.output, &args),
        ConfigDriveCommand::Attach(args) => attach::run(session, args).await,
        ConfigDriveCommand::AttachHyperV(args) => hyperv::run(session, &args).await,
        ConfigDriveCommand::AttachVSphere(args) => vsphere::run(session, args).await,
    }
}
