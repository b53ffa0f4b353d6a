//! `innkeeper floating-ip`.

use std::net::Ipv4Addr;

use clap::{Args, Subcommand};
use innkeeper_model::{FloatingIp, FloatingIpChange, FloatingIpId, NewFloatingIp, Port};

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes},
    error::CliError,
    output::Shown,
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum FloatingIpCommand {
    /// Make a floating IP known.
    ///
    /// Example: innkeeper floating-ip create 203.0.113.7 --port web1-port
    Create(Create),
    /// List floating IPs.
    List(ListArgs),
    /// Show a floating IP, by its address or id.
    Show(Which),
    /// Lead a floating IP to a port, or to none.
    ///
    /// Example: innkeeper floating-ip set 203.0.113.7 --no-port
    Set(Set),
    /// Forget floating IPs.
    Delete(WhichOnes),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The outside address.
    address: Ipv4Addr,
    /// The port it leads to, by name or id.
    #[arg(long)]
    port: Option<String>,
    /// Which of the port's addresses; its first IPv4 address otherwise.
    #[arg(long, value_name = "IP", requires = "port")]
    fixed_ip_address: Option<Ipv4Addr>,
    #[command(flatten)]
    existing: IfNotExists,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    target: Target,
    /// Which of the port's addresses; its first IPv4 address otherwise.
    #[arg(long, value_name = "IP", requires = "port")]
    fixed_ip_address: Option<Ipv4Addr>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Target {
    /// The port it leads to, by name or id.
    #[arg(long)]
    port: Option<String>,
    /// It leads nowhere.
    #[arg(long)]
    no_port: bool,
}

pub(crate) async fn run(session: &Session<'_>, command: FloatingIpCommand) -> Result<(), CliError> {
    match command {
        FloatingIpCommand::Create(args) => {
            let new = NewFloatingIp {
                project_id: session.project.clone(),
                floating_ip_address: args.address,
                port_id: session.id_of_any::<Port>(args.port.as_deref()).await?,
                fixed_ip_address: args.fixed_ip_address,
            };
            let name = args.address.to_string();
            session.create::<FloatingIp>(&new, &name, args.existing.if_not_exists).await
        }
        FloatingIpCommand::List(args) => session.list::<FloatingIp>(&args).await,
        FloatingIpCommand::Show(which) => session.show::<FloatingIp>(&which.name).await,
        FloatingIpCommand::Set(Set { which, target, fixed_ip_address }) => {
            let port_id = session.id_of_any::<Port>(target.port.as_deref()).await?;
            let change = FloatingIpChange { port_id, fixed_ip_address };
            session.set::<FloatingIp>(&which.name, &change).await
        }
        FloatingIpCommand::Delete(which) => session.delete::<FloatingIp>(&which.names).await,
    }
}

impl Shown for FloatingIp {
    const COLUMNS: &'static [&'static str] = &["Fixed address", "Port"];

    fn parse_id(text: &str) -> Option<FloatingIpId> {
        text.parse().ok()
    }

    fn columns(&self) -> Vec<String> {
        let fixed = self.fixed_ip_address.map(|address| address.to_string());
        let port = self.port_id.map(|port| port.to_string());
        vec![fixed.unwrap_or_default(), port.unwrap_or_default()]
    }
}
