//! `innkeeper port`.

use clap::{Args, Subcommand};
use innkeeper_model::{
    ExtraDhcpOption, FixedIpRequest, Instance, MacAddress, Network, NewPort, Port, PortAttachment,
    PortChange, PortId, Subnet,
};

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes, key_values},
    error::CliError,
    extra_dhcp_option::{self, extra_dhcp_option},
    output::Shown,
    session::Session,
    tap,
};

#[derive(Debug, Subcommand)]
pub(crate) enum PortCommand {
    /// Create a port on a network.
    ///
    /// Example: innkeeper port create --network blue --fixed-ip subnet=blue,ip-address=10.0.0.9
    Create(Create),
    /// List ports.
    List(ListArgs),
    /// Show a port.
    Show(Which),
    /// Change a port, or what is plugged into it.
    ///
    /// Example: innkeeper port set web1-port --instance web1
    Set(Set),
    /// Delete ports.
    Delete(WhichOnes),
    /// Make the tap that a machine on this host is plugged into a port by, and print its name.
    ///
    /// It is made once and stays until `port untap`, the port's deletion or the next boot of this
    /// host. On a bridge that Innkeeper made it is plugged in once what may come from it is
    /// guarded: the port's MAC address and addresses. Run it as root, where the host role runs.
    ///
    /// Example: qemu-system-x86_64 ... -netdev tap,id=n0,script=no,downscript=no,ifname=$(innkeeper
    /// port tap web1) -device virtio-net-pci,netdev=n0,mac=...
    Tap(tap::MakeTap),
    /// Remove a port's tap from this host.
    Untap(tap::WhichTap),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The name; a port need not have one. --name does the same.
    #[arg(value_name = "NAME")]
    positional_name: Option<String>,
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[arg(long)]
    id: Option<PortId>,
    /// The network, by name or id.
    #[arg(long)]
    network: String,
    /// The name.
    #[arg(long = "name", value_name = "NAME", conflicts_with = "positional_name")]
    name: Option<String>,
    /// The MAC address; one under fa:16:3e is made otherwise.
    #[arg(long, value_name = "MAC")]
    mac_address: Option<MacAddress>,
    /// An address; can be repeated. One from each family's first subnet otherwise.
    #[arg(
        long = "fixed-ip",
        value_name = "subnet=SUBNET,ip-address=IP",
        value_parser = fixed_ip
    )]
    fixed_ips: Vec<FixedIpArg>,
    /// A security group's name; can be repeated. "default" otherwise.
    #[arg(long = "security-group", value_name = "GROUP")]
    security_groups: Vec<String>,
    /// The role tag that the guest finds on the device.
    #[arg(long)]
    tag: Option<String>,
    /// A DHCP option for this port alone; can be repeated.
    #[arg(
        long = "extra-dhcp-option",
        value_name = extra_dhcp_option::FORM,
        value_parser = extra_dhcp_option
    )]
    extra_dhcp_options: Vec<ExtraDhcpOption>,
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
    /// Replaces all addresses; can be repeated.
    #[arg(
        long = "fixed-ip",
        value_name = "subnet=SUBNET,ip-address=IP",
        value_parser = fixed_ip
    )]
    fixed_ips: Vec<FixedIpArg>,
    /// Replaces all security groups; can be repeated.
    #[arg(long = "security-group", value_name = "GROUP")]
    security_groups: Vec<String>,
    /// Replaces all DHCP options of this port alone; can be repeated.
    #[arg(
        long = "extra-dhcp-option",
        value_name = extra_dhcp_option::FORM,
        value_parser = extra_dhcp_option,
        conflicts_with = "no_extra_dhcp_options"
    )]
    extra_dhcp_options: Vec<ExtraDhcpOption>,
    /// Takes all DHCP options of this port alone away.
    #[arg(long)]
    no_extra_dhcp_options: bool,
    /// Plugs this instance in.
    #[arg(long, conflicts_with = "no_instance")]
    instance: Option<String>,
    /// Takes the instance out.
    #[arg(long)]
    no_instance: bool,
}

/// What `--fixed-ip` says, with the subnet still by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FixedIpArg {
    subnet: Option<String>,
    address: Option<std::net::IpAddr>,
}

fn fixed_ip(text: &str) -> Result<FixedIpArg, String> {
    let mut wanted = FixedIpArg { subnet: None, address: None };
    for (key, value) in key_values(text, &["subnet", "ip-address"])? {
        if key == "subnet" {
            wanted.subnet = Some(value);
        } else {
            let address = value.parse().map_err(|_error| format!("\"{value}\" is no address"))?;
            wanted.address = Some(address);
        }
    }
    Ok(wanted)
}

pub(crate) async fn run(session: &Session<'_>, command: PortCommand) -> Result<(), CliError> {
    match command {
        PortCommand::Create(args) => create(session, args).await,
        PortCommand::List(args) => session.list::<Port>(&args).await,
        PortCommand::Show(which) => session.show::<Port>(&which.name).await,
        PortCommand::Set(args) => set(session, args).await,
        PortCommand::Delete(which) => session.delete::<Port>(&which.names).await,
        PortCommand::Tap(args) => tap::make(session, args).await,
        PortCommand::Untap(args) => tap::remove(session, args).await,
    }
}

async fn create(session: &Session<'_>, args: Create) -> Result<(), CliError> {
    let network = session.id_of::<Network>(&args.network).await?;
    let name = args.name.or(args.positional_name).unwrap_or_default();
    if name.is_empty() && args.existing.if_not_exists {
        let message = "--if-not-exists goes by the name: give --name too";
        return Err(CliError::Usage(message.to_owned()));
    }
    let mut new = NewPort::on(session.project.clone(), network);
    new.id = args.id;
    new.name.clone_from(&name);
    new.mac_address = args.mac_address;
    new.fixed_ips = fixed_ips(session, args.fixed_ips).await?;
    if !args.security_groups.is_empty() {
        new.security_groups = args.security_groups;
    }
    new.tag = args.tag;
    new.extra_dhcp_opts = args.extra_dhcp_options;
    session.create::<Port>(&new, &name, args.existing.if_not_exists).await
}

async fn set(session: &Session<'_>, args: Set) -> Result<(), CliError> {
    let attachment = match args.instance {
        Some(given) => Some(PortAttachment::Instance(session.id_of::<Instance>(&given).await?)),
        None => args.no_instance.then_some(PortAttachment::None),
    };
    let no_options = args.no_extra_dhcp_options;
    let change = PortChange {
        name: args.new_name,
        fixed_ips: fixed_ips(session, args.fixed_ips).await?,
        security_groups: Some(args.security_groups).filter(|groups| !groups.is_empty()),
        extra_dhcp_opts: Some(args.extra_dhcp_options)
            .filter(|options| no_options || !options.is_empty()),
        attachment,
    };
    session.set::<Port>(&args.which.name, &change).await
}

async fn fixed_ips(
    session: &Session<'_>,
    wanted: Vec<FixedIpArg>,
) -> Result<Option<Vec<FixedIpRequest>>, CliError> {
    let mut requests = Vec::with_capacity(wanted.len());
    for one in wanted {
        let subnet_id = session.id_of_any::<Subnet>(one.subnet.as_deref()).await?;
        requests.push(FixedIpRequest { subnet_id, ip_address: one.address });
    }
    Ok(Some(requests).filter(|requests| !requests.is_empty()))
}

/// What is plugged in, in a few words.
fn plugged(attachment: PortAttachment) -> String {
    match attachment {
        PortAttachment::None => String::new(),
        PortAttachment::Instance(id) => format!("instance {id}"),
        PortAttachment::Router(id) => format!("router {id}"),
        PortAttachment::Dhcp => "dhcp".to_owned(),
    }
}

impl Shown for Port {
    const COLUMNS: &'static [&'static str] = &["MAC address", "Addresses", "Plugged in"];

    fn parse_id(text: &str) -> Option<PortId> {
        text.parse().ok()
    }

    fn columns(&self) -> Vec<String> {
        let addresses = self.fixed_ips.iter().map(|fixed| fixed.ip_address.to_string());
        let addresses: Vec<_> = addresses.collect();
        vec![self.mac_address.to_string(), addresses.join(", "), plugged(self.attachment)]
    }

    fn field(&self, name: &str) -> Option<String> {
        match name {
            "attachment" => Some(plugged(self.attachment)),
            "extra_dhcp_opts" => Some(extra_dhcp_option::shown(&self.extra_dhcp_opts)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_ips_are_read() {
        let (subnet, address) = (Some("blue".to_owned()), "10.0.0.9".parse().ok());
        assert_eq!(
            fixed_ip("subnet=blue,ip-address=10.0.0.9"),
            Ok(FixedIpArg { subnet: subnet.clone(), address })
        );
        assert_eq!(fixed_ip("subnet=blue"), Ok(FixedIpArg { subnet, address: None }));
        for bad in ["", "blue", "ip-address=blue", "network=blue"] {
            assert!(fixed_ip(bad).is_err(), "{bad:?}");
        }
    }
}
