//! `innkeeper port tap` and `untap`: what a machine on this host is plugged into a port by.

use std::fs;

use clap::Args;
use innkeeper_control_api::ListFilter;
use innkeeper_host::{HostError, Tap, TapOwner};
use innkeeper_model::{Instance, Network, Port, PortAttachment};

use super::{error::CliError, session::Session};

/// Which ports' taps.
#[derive(Debug, Args)]
pub(crate) struct WhichTap {
    /// The port, by name or id.
    #[arg(required_unless_present = "instance", conflicts_with = "instance")]
    port: Option<String>,
    /// Every port of this instance, by name or id, in the order of the guest's interfaces.
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct MakeTap {
    #[command(flatten)]
    which: WhichTap,
    /// The user whose processes may use the tap, by name or number; root's always may.
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
}

pub(crate) async fn make(session: &Session<'_>, args: MakeTap) -> Result<(), CliError> {
    let user = args.owner.as_deref().map(user_id).transpose()?;
    for port in args.which.ports(session).await? {
        let network = session.client.fetch::<Network>(&port.network_id).await?;
        let (tap, owner) = (Tap::of(port.id), TapOwner { user, group: None });
        let name = tap.name().to_owned();
        // It waits for the host role.
        let made = tokio::task::spawn_blocking(move || tap.make(network.mtu, owner));
        made.await.unwrap_or(Err(HostError::Panicked))?;
        session.output.say(&name)?;
    }
    Ok(())
}

pub(crate) async fn remove(session: &Session<'_>, which: WhichTap) -> Result<(), CliError> {
    for port in which.ports(session).await? {
        let tap = Tap::of(port.id);
        let what = if tap.remove()? { "removed" } else { "was not there" };
        session.output.say(&format!("tap {} {what}", tap.name()))?;
    }
    Ok(())
}

impl WhichTap {
    async fn ports(&self, session: &Session<'_>) -> Result<Vec<Port>, CliError> {
        if let Some(port) = &self.port {
            return Ok(vec![session.find::<Port>(port).await?]);
        }
        let given = self.instance.as_deref().unwrap_or_default();
        let instance = session.id_of::<Instance>(given).await?;
        let everyones = ListFilter::default();
        let is_its = |port: &Port| port.attachment == PortAttachment::Instance(instance);
        let all = session.client.list::<Port>(&everyones).await?;
        let ports: Vec<_> = all.into_iter().filter(is_its).collect();
        if ports.is_empty() {
            return Err(CliError::NotFound(format!("instance {given} has no port")));
        }
        Ok(ports)
    }
}

/// A user's number, by name from the machine's accounts.
fn user_id(given: &str) -> Result<u32, CliError> {
    if let Ok(number) = given.parse() {
        return Ok(number);
    }
    let path = "/etc/passwd";
    let accounts = fs::read_to_string(path)
        .map_err(|error| CliError::File { path: path.to_owned(), cause: error.to_string() })?;
    let mut accounts = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = accounts.find_map(|fields| match fields.as_slice() {
        [name, _, number, ..] if *name == given => number.parse().ok(),
        _ => None,
    });
    found.ok_or_else(|| {
        CliError::NotFound(format!("no user {given} in {path}: give the user's number"))
    })
}
