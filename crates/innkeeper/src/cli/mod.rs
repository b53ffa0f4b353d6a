//! The operator's commands on resources: a client of the control API, in OpenStack's words.

mod addresses;
mod arguments;
mod boot;
mod config_drive;
mod error;
mod extra_dhcp_option;
mod flavor;
mod floating_ip;
mod image;
mod import;
mod instance;
mod instance_password;
mod interfaces;
mod key_pair;
mod metadata_provider;
mod network;
mod output;
mod port;
mod private_key;
mod project;
mod resolve;
mod router;
mod session;
mod subnet;
mod tap;
#[cfg(test)]
mod tests;

use std::{io::Write as _, process::ExitCode};

use clap::{Args, Subcommand};
use innkeeper_control_api::Client;

use self::{
    arguments::{CommonArgs, OutputOptions, TOKEN_VARIABLE},
    config_drive::ConfigDriveCommand,
    error::{CliError, EXIT_CODES},
    session::Session,
};

/// Variables that these commands read and that belong to no flag.
pub(crate) const VARIABLES: &[&str] = &[TOKEN_VARIABLE];

/// The commands on resources.
#[derive(Debug, Subcommand)]
pub(crate) enum ResourceCommand {
    /// Manage projects, the owners of resources.
    Project(Of<project::ProjectCommand>),
    /// Manage key pairs, whose public keys guests accept.
    Keypair(Of<key_pair::KeyPairCommand>),
    /// Manage flavors, the sizes of instances.
    Flavor(Of<flavor::FlavorCommand>),
    /// Manage images that instances are made from.
    Image(Of<image::ImageCommand>),
    /// Manage networks.
    Network(Of<network::NetworkCommand>),
    /// Manage subnets, the address ranges of networks.
    Subnet(Of<subnet::SubnetCommand>),
    /// Manage routers between networks.
    Router(Of<router::RouterCommand>),
    /// Manage ports, where instances are plugged into networks.
    Port(Of<port::PortCommand>),
    /// Manage floating IPs, outside addresses that guests are told of.
    FloatingIp(Of<floating_ip::FloatingIpCommand>),
    /// Manage instances, and see what their guests are served.
    Instance(Of<instance::InstanceCommand>),
    /// Take over instances from Nova: all that its metadata API would have served them.
    ///
    /// Importing an instance again replaces it. Each one that cannot be imported is named with the
    /// reason, and the others are imported all the same.
    ///
    /// Example: innkeeper import ./cases
    Import(import::Import),
    /// Manage metadata providers: outside network services that may speak for guests.
    MetadataProvider(Of<metadata_provider::MetadataProviderCommand>),
    /// Make, keep, look into and attach config drives.
    ConfigDrive(Of<ConfigDriveCommand>),
    /// Create an instance and start it as a libvirt domain of this machine.
    ///
    /// Example: innkeeper boot --config-drive true --image debian12 --key-name mykey --flavor 1
    /// --user-data ./my-user-data.txt --file /etc/network/interfaces=./instance-interfaces
    /// myinstance
    Boot(Box<boot::Boot>),
}

/// The commands on one kind of resource, with the options that all of them share.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Of<C: Subcommand> {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: C,
}

/// Runs one command to its exit code, with errors on standard error.
pub(crate) fn main(command: ResourceCommand) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(connect_and_run(command)),
        Err(error) => Err(CliError::Usage(format!("cannot start: {error}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; the exit code still says it.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

async fn connect_and_run(command: ResourceCommand) -> Result<(), CliError> {
    let common = command.common();
    // It looks into a file, and there may be no control API where that is.
    if let ResourceCommand::ConfigDrive(Of { command: ConfigDriveCommand::Inspect(args), .. }) =
        &command
    {
        return config_drive::inspect(&common.output, args);
    }
    let (client, output) = (common.control.client()?, common.output);
    run(command, &client, &output).await
}

/// Runs one command.
pub(crate) async fn run(
    command: ResourceCommand,
    client: &Client,
    output: &OutputOptions,
) -> Result<(), CliError> {
    let project = match &command {
        // These belong to no project, and the default one may not exist yet.
        ResourceCommand::Project(_) | ResourceCommand::Flavor(_) | ResourceCommand::Import(_) => {
            "none".parse().map_err(CliError::Invalid)?
        }
        command => resolve::find_project(client, &command.common().project.project).await?.id,
    };
    let session = Session { client, output, project };
    match command {
        ResourceCommand::Project(its) => project::run(&session, its.command).await,
        ResourceCommand::Keypair(its) => key_pair::run(&session, its.command).await,
        ResourceCommand::Flavor(its) => flavor::run(&session, its.command).await,
        ResourceCommand::Image(its) => image::run(&session, its.command).await,
        ResourceCommand::Network(its) => network::run(&session, its.command).await,
        ResourceCommand::Subnet(its) => subnet::run(&session, its.command).await,
        ResourceCommand::Router(its) => router::run(&session, its.command).await,
        ResourceCommand::Port(its) => port::run(&session, its.command).await,
        ResourceCommand::FloatingIp(its) => floating_ip::run(&session, its.command).await,
        ResourceCommand::Instance(its) => instance::run(&session, its.command).await,
        ResourceCommand::Import(args) => import::run(client, output, &args).await,
        ResourceCommand::MetadataProvider(its) => {
            metadata_provider::run(&session, its.command).await
        }
        ResourceCommand::ConfigDrive(its) => config_drive::run(&session, its.command).await,
        ResourceCommand::Boot(args) => boot::run(&session, *args).await,
    }
}

impl ResourceCommand {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::Project(its) => &its.common,
            Self::Keypair(its) => &its.common,
            Self::Flavor(its) => &its.common,
            Self::Image(its) => &its.common,
            Self::Network(its) => &its.common,
            Self::Subnet(its) => &its.common,
            Self::Router(its) => &its.common,
            Self::Port(its) => &its.common,
            Self::FloatingIp(its) => &its.common,
            Self::Instance(its) => &its.common,
            Self::Import(its) => &its.common,
            Self::MetadataProvider(its) => &its.common,
            Self::ConfigDrive(its) => &its.common,
            Self::Boot(args) => &args.common,
        }
    }
}
