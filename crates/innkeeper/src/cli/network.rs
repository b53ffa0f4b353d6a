//! `innkeeper network`.

use clap::{Args, Subcommand};
use innkeeper_model::{Network, NetworkChange, NetworkId, NewNetwork, Subnet};
use ipnet::IpNet;

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes},
    error::CliError,
    output::Shown,
    session::Session,
    subnet,
};

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Create a network, with a subnet of the same name if one is given.
    ///
    /// Example: innkeeper network create blue --subnet 10.0.0.0/24
    Create(Create),
    /// List networks.
    List(ListArgs),
    /// Show a network.
    Show(Which),
    /// Change a network.
    ///
    /// Example: innkeeper network set blue --mtu 1450
    Set(Set),
    /// Delete networks, on which nothing may be plugged in any more.
    Delete(WhichOnes),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Unique within the project; guests see it.
    name: String,
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[arg(long)]
    id: Option<NetworkId>,
    /// Also create a subnet with this address range, named like the network.
    #[arg(long, value_name = "CIDR")]
    subnet: Option<IpNet>,
    /// The largest packet in bytes.
    #[arg(long)]
    mtu: Option<u32>,
    /// An existing bridge of the hosts to plug ports into.
    #[arg(long)]
    bridge: Option<String>,
    /// Serve metadata from the DHCP namespace even where a router could.
    #[arg(long)]
    force_metadata: bool,
    /// Do not serve metadata from the DHCP namespace where no router does.
    #[arg(long)]
    no_isolated_metadata: bool,
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
    /// The largest packet in bytes.
    #[arg(long)]
    mtu: Option<u32>,
    /// Whether metadata is served from the DHCP namespace even where a router could.
    #[arg(long, value_name = "true|false")]
    force_metadata: Option<bool>,
    /// Whether metadata is served from the DHCP namespace where no router does.
    #[arg(long, value_name = "true|false")]
    isolated_metadata: Option<bool>,
}

pub(crate) async fn run(session: &Session<'_>, command: NetworkCommand) -> Result<(), CliError> {
    match command {
        NetworkCommand::Create(args) => create(session, args).await,
        NetworkCommand::List(args) => session.list::<Network>(&args).await,
        NetworkCommand::Show(which) => session.show::<Network>(&which.name).await,
        NetworkCommand::Set(args) => {
            let change = NetworkChange {
                name: args.new_name,
                mtu: args.mtu,
                force_metadata: args.force_metadata,
                isolated_metadata: args.isolated_metadata,
            };
            session.set::<Network>(&args.which.name, &change).await
        }
        NetworkCommand::Delete(which) => session.delete::<Network>(&which.names).await,
    }
}

async fn create(session: &Session<'_>, args: Create) -> Result<(), CliError> {
    let new = NewNetwork {
        id: args.id,
        project_id: session.project.clone(),
        name: args.name.clone(),
        mtu: args.mtu,
        bridge: args.bridge,
        force_metadata: args.force_metadata,
        isolated_metadata: !args.no_isolated_metadata,
    };
    let may_exist = args.existing.if_not_exists;
    let (network, is_new) = session.made::<Network>(&new, &args.name, may_exist).await?;
    if let Some(cidr) = args.subnet {
        let new = subnet::plain(network.id, &args.name, cidr);
        match session.made::<Subnet>(&new, &args.name, may_exist).await {
            Ok((made, _)) if made.network_id != network.id => {
                let message = format!(
                    "subnet {} exists on another network: create the subnet of {} under another \
                     name with `innkeeper subnet create`",
                    made.name, network.name
                );
                return Err(undone(session, &network, is_new, CliError::Ambiguous(message)).await);
            }
            Ok(_) => {}
            Err(error) => return Err(undone(session, &network, is_new, error).await),
        }
    }
    session.output.show(&network)
}

/// Removes the network again, if this command made it, and gives the error to report.
async fn undone(
    session: &Session<'_>,
    network: &Network,
    is_new: bool,
    cause: CliError,
) -> CliError {
    if !is_new {
        return cause;
    }
    match session.client.delete::<Network>(&network.id).await {
        Ok(()) => cause,
        Err(_) => CliError::Halfway {
            cause: Box::new(cause),
            left: format!("network {} is left without a subnet: delete it", network.id),
        },
    }
}

impl Shown for Network {
    const COLUMNS: &'static [&'static str] = &["MTU", "Bridge", "Project"];

    fn parse_id(text: &str) -> Option<NetworkId> {
        text.parse().ok()
    }

    fn columns(&self) -> Vec<String> {
        let mtu = self.mtu.map(|mtu| mtu.to_string()).unwrap_or_default();
        vec![mtu, self.bridge_name(), self.project_id.to_string()]
    }
}
