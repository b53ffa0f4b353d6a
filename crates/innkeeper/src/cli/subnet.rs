//! `innkeeper subnet`.

use std::net::IpAddr;

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use innkeeper_model::{
    HostRoute, Ipv6Mode, Network, NetworkId, NewSubnet, Subnet, SubnetChange, SubnetId,
};
use ipnet::IpNet;

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes, key_values},
    error::CliError,
    output::Shown,
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum SubnetCommand {
    /// Create a subnet of a network.
    ///
    /// Example: innkeeper subnet create blue-6 --network blue --cidr 2001:db8::/64
    Create(Create),
    /// List subnets.
    List(ListArgs),
    /// Show a subnet.
    Show(Which),
    /// Change a subnet.
    ///
    /// Example: innkeeper subnet set blue --dns-nameserver 10.0.0.2
    Set(Set),
    /// Delete subnets, of which no address may be in use any more.
    Delete(WhichOnes),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Unique within the project.
    name: String,
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[arg(long)]
    id: Option<SubnetId>,
    /// The network, by name or id.
    #[arg(long)]
    network: String,
    /// The address range, for example 10.0.0.0/24.
    #[arg(long)]
    cidr: IpNet,
    /// The way out: an address, or none; the first address of the range otherwise.
    #[arg(long, value_name = "IP|none")]
    gateway: Option<Gateway>,
    /// A name server; can be repeated.
    #[arg(long = "dns-nameserver", value_name = "IP")]
    dns_nameservers: Vec<IpAddr>,
    /// A further route; can be repeated.
    #[arg(
        long = "host-route",
        value_name = "destination=CIDR,gateway=IP",
        value_parser = host_route
    )]
    host_routes: Vec<HostRoute>,
    /// Addresses are not given out by DHCP.
    #[arg(long)]
    no_dhcp: bool,
    /// How IPv6 guests get their addresses.
    #[arg(long, value_name = "MODE")]
    ipv6_address_mode: Option<Mode>,
    /// What router advertisements say.
    #[arg(long, value_name = "MODE")]
    ipv6_ra_mode: Option<Mode>,
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
    /// Replaces all name servers; can be repeated.
    #[arg(long = "dns-nameserver", value_name = "IP")]
    dns_nameservers: Vec<IpAddr>,
    /// Takes all name servers away.
    #[arg(long, conflicts_with = "dns_nameservers")]
    no_dns_nameservers: bool,
    /// Replaces all further routes; can be repeated.
    #[arg(
        long = "host-route",
        value_name = "destination=CIDR,gateway=IP",
        value_parser = host_route
    )]
    host_routes: Vec<HostRoute>,
    /// Takes all further routes away.
    #[arg(long, conflicts_with = "host_routes")]
    no_host_routes: bool,
    /// Addresses are given out by DHCP.
    #[arg(long, action = ArgAction::SetTrue, conflicts_with = "no_dhcp")]
    dhcp: bool,
    /// Addresses are not given out by DHCP.
    #[arg(long)]
    no_dhcp: bool,
}

/// What `--gateway` says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gateway {
    None,
    At(IpAddr),
}

impl std::str::FromStr for Gateway {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            _ => text
                .parse()
                .map(Self::At)
                .map_err(|_error| "neither an address nor \"none\"".to_owned()),
        }
    }
}

/// Neutron's words.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub(crate) enum Mode {
    Slaac,
    Dhcpv6Stateful,
    Dhcpv6Stateless,
}

impl From<Mode> for Ipv6Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Slaac => Self::Slaac,
            Mode::Dhcpv6Stateful => Self::Dhcpv6Stateful,
            Mode::Dhcpv6Stateless => Self::Dhcpv6Stateless,
        }
    }
}

pub(crate) async fn run(session: &Session<'_>, command: SubnetCommand) -> Result<(), CliError> {
    match command {
        SubnetCommand::Create(args) => create(session, args).await,
        SubnetCommand::List(args) => session.list::<Subnet>(&args).await,
        SubnetCommand::Show(which) => session.show::<Subnet>(&which.name).await,
        SubnetCommand::Set(args) => {
            let name = args.which.name.clone();
            session.set::<Subnet>(&name, &change(args)).await
        }
        SubnetCommand::Delete(which) => session.delete::<Subnet>(&which.names).await,
    }
}

/// A subnet with every default.
pub(crate) fn plain(network_id: NetworkId, name: &str, cidr: IpNet) -> NewSubnet {
    NewSubnet {
        id: None,
        network_id,
        name: name.to_owned(),
        cidr,
        gateway_ip: None,
        no_gateway: false,
        dns_nameservers: Vec::new(),
        host_routes: Vec::new(),
        enable_dhcp: true,
        ipv6_address_mode: None,
        ipv6_ra_mode: None,
    }
}

async fn create(session: &Session<'_>, args: Create) -> Result<(), CliError> {
    let network = session.id_of::<Network>(&args.network).await?;
    let new = NewSubnet {
        id: args.id,
        gateway_ip: match args.gateway {
            Some(Gateway::At(address)) => Some(address),
            Some(Gateway::None) | None => None,
        },
        no_gateway: matches!(args.gateway, Some(Gateway::None)),
        dns_nameservers: args.dns_nameservers,
        host_routes: args.host_routes,
        enable_dhcp: !args.no_dhcp,
        ipv6_address_mode: args.ipv6_address_mode.map(Into::into),
        ipv6_ra_mode: args.ipv6_ra_mode.map(Into::into),
        ..plain(network, &args.name, args.cidr)
    };
    session.create::<Subnet>(&new, &args.name, args.existing.if_not_exists).await
}

fn change(args: Set) -> SubnetChange {
    let dns = args.no_dns_nameservers || !args.dns_nameservers.is_empty();
    let routes = args.no_host_routes || !args.host_routes.is_empty();
    SubnetChange {
        name: args.new_name,
        dns_nameservers: dns.then_some(args.dns_nameservers),
        host_routes: routes.then_some(args.host_routes),
        enable_dhcp: (args.dhcp || args.no_dhcp).then_some(args.dhcp),
    }
}

fn host_route(text: &str) -> Result<HostRoute, String> {
    let pairs = key_values(text, &["destination", "gateway"])?;
    let value = |wanted: &str| {
        let found = pairs.iter().find(|(key, _)| key == wanted);
        found.map(|(_, value)| value).ok_or_else(|| format!("has no {wanted}=…"))
    };
    let (destination, gateway) = (value("destination")?, value("gateway")?);
    Ok(HostRoute {
        destination: destination
            .parse()
            .map_err(|_error| format!("\"{destination}\" is not an address range"))?,
        nexthop: gateway.parse().map_err(|_error| format!("\"{gateway}\" is not an address"))?,
    })
}

impl Shown for Subnet {
    const COLUMNS: &'static [&'static str] = &["Network", "CIDR", "Gateway"];

    fn parse_id(text: &str) -> Option<SubnetId> {
        text.parse().ok()
    }

    fn columns(&self) -> Vec<String> {
        let gateway = self.gateway_ip.map(|gateway| gateway.to_string()).unwrap_or_default();
        vec![self.network_id.to_string(), self.cidr.to_string(), gateway]
    }
}
