//! `innkeeper flavor`.

use clap::{Args, Subcommand};
use innkeeper_model::{Flavor, FlavorChange, FlavorId, NewFlavor};

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes, key_value, properties},
    error::CliError,
    output::Shown,
    session::{Session, changed},
};

#[derive(Debug, Subcommand)]
pub(crate) enum FlavorCommand {
    /// Create a flavor.
    ///
    /// Example: innkeeper flavor create m1.small --vcpus 1 --ram 2048 --disk 20
    Create(Create),
    /// List flavors.
    List(ListArgs),
    /// Show a flavor.
    Show(Which),
    /// Change a flavor; instances keep the one they have.
    ///
    /// Example: innkeeper flavor set m1.small --property hw:cpu_policy=dedicated
    Set(Set),
    /// Delete flavors.
    Delete(WhichOnes),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Unique; what guests see as the instance type.
    name: String,
    /// The id to give it; a random one otherwise.
    #[arg(long)]
    id: Option<FlavorId>,
    /// Virtual CPUs.
    #[arg(long)]
    vcpus: u32,
    /// Memory in MiB.
    #[arg(long, value_name = "MIB")]
    ram: u32,
    /// Root disk in GiB; 0 is as large as the image.
    #[arg(long, value_name = "GIB", default_value_t = 0)]
    disk: u32,
    /// An extra spec; can be repeated.
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    #[command(flatten)]
    existing: IfNotExists,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    /// A new name.
    #[arg(long = "name", value_name = "NAME")]
    new_name: Option<String>,
    /// An extra spec to set; the others stay. Can be repeated.
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    /// An extra spec to take away; can be repeated.
    #[arg(long = "unset-property", value_name = "KEY")]
    unset: Vec<String>,
}

pub(crate) async fn run(session: &Session<'_>, command: FlavorCommand) -> Result<(), CliError> {
    match command {
        FlavorCommand::Create(args) => create(session, args).await,
        FlavorCommand::List(args) => session.list::<Flavor>(&args).await,
        FlavorCommand::Show(which) => session.show::<Flavor>(&which.name).await,
        FlavorCommand::Set(Set { which, new_name, properties, unset }) => {
            let flavor = session.find::<Flavor>(&which.name).await?;
            let extra_specs = changed(flavor.extra_specs, properties, &unset);
            let change = FlavorChange { name: new_name, extra_specs };
            session.update::<Flavor>(&flavor.id, &change).await
        }
        FlavorCommand::Delete(which) => session.delete::<Flavor>(&which.names).await,
    }
}

async fn create(session: &Session<'_>, args: Create) -> Result<(), CliError> {
    let new = NewFlavor {
        id: args.id,
        name: args.name.clone(),
        vcpus: args.vcpus,
        ram_mib: args.ram,
        disk_gib: args.disk,
        extra_specs: properties(&args.properties),
    };
    session.create::<Flavor>(&new, &args.name, args.existing.if_not_exists).await
}

impl Shown for Flavor {
    const COLUMNS: &'static [&'static str] = &["VCPUs", "RAM (MiB)", "Disk (GiB)"];

    fn parse_id(_text: &str) -> Option<FlavorId> {
        None
    }

    fn columns(&self) -> Vec<String> {
        vec![self.vcpus.to_string(), self.ram_mib.to_string(), self.disk_gib.to_string()]
    }
}
