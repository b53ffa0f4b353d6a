//! `innkeeper router`.

use clap::{Args, Subcommand};
use innkeeper_control_api::ListFilter;
use innkeeper_model::{
    NewRouter, Port, PortAttachment, Router, RouterChange, RouterId, Subnet, SubnetId,
};

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes},
    error::CliError,
    output::Shown,
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum RouterCommand {
    /// Create a router, and attach subnets to it if any are given.
    ///
    /// Example: innkeeper router create r1 --subnet blue
    Create(Create),
    /// List routers.
    List(ListArgs),
    /// Show a router.
    Show(Which),
    /// Change a router.
    ///
    /// Example: innkeeper router set r1 --name edge
    Set(Set),
    /// Delete routers, from which every subnet must have been removed.
    Delete(WhichOnes),
    /// Attach a subnet to a router.
    ///
    /// Example: innkeeper router add-subnet r1 blue
    AddSubnet(Interface),
    /// Detach a subnet from a router.
    ///
    /// Example: innkeeper router remove-subnet r1 blue
    RemoveSubnet(Interface),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Unique within the project.
    name: String,
    /// The id to give it, such as Neutron's; a random one otherwise.
    #[arg(long)]
    id: Option<RouterId>,
    /// A subnet to attach, by name or id; can be repeated.
    #[arg(long = "subnet", value_name = "SUBNET")]
    subnets: Vec<String>,
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
}

#[derive(Debug, Args)]
pub(crate) struct Interface {
    /// The router, by name or id.
    router: String,
    /// The subnet, by name or id.
    subnet: String,
}

pub(crate) async fn run(session: &Session<'_>, command: RouterCommand) -> Result<(), CliError> {
    match command {
        RouterCommand::Create(args) => create(session, args).await,
        RouterCommand::List(args) => session.list::<Router>(&args).await,
        RouterCommand::Show(which) => session.show::<Router>(&which.name).await,
        RouterCommand::Set(Set { which, new_name }) => {
            session.set::<Router>(&which.name, &RouterChange { name: new_name }).await
        }
        RouterCommand::Delete(which) => session.delete::<Router>(&which.names).await,
        RouterCommand::AddSubnet(Interface { router, subnet }) => {
            let router = session.id_of::<Router>(&router).await?;
            let subnet = session.id_of::<Subnet>(&subnet).await?;
            session.output.show(&session.client.router_add_subnet(router, subnet).await?)
        }
        RouterCommand::RemoveSubnet(names) => {
            let router = session.id_of::<Router>(&names.router).await?;
            let subnet = session.id_of::<Subnet>(&names.subnet).await?;
            session.client.router_remove_subnet(router, subnet).await?;
            session.output.say(&format!("subnet {} removed from {}", names.subnet, names.router))
        }
    }
}

async fn create(session: &Session<'_>, args: Create) -> Result<(), CliError> {
    // A name that is wrong must not leave a router behind.
    let mut subnets = Vec::with_capacity(args.subnets.len());
    for subnet in &args.subnets {
        subnets.push(session.id_of::<Subnet>(subnet).await?);
    }
    let new =
        NewRouter { id: args.id, project_id: session.project.clone(), name: args.name.clone() };
    let if_not_exists = args.existing.if_not_exists;
    let (router, is_new) = session.made::<Router>(&new, &args.name, if_not_exists).await?;
    let attached = if is_new { Vec::new() } else { attached(session, router.id).await? };
    let mut added = Vec::new();
    for subnet in subnets.into_iter().filter(|subnet| !attached.contains(subnet)) {
        if let Err(error) = session.client.router_add_subnet(router.id, subnet).await {
            return Err(undone(session, &router, is_new, &added, error.into()).await);
        }
        added.push(subnet);
    }
    session.output.show(&router)
}

/// Detaches again what was attached, deletes the router if this command made it, and gives the
/// error to report.
async fn undone(
    session: &Session<'_>,
    router: &Router,
    is_new: bool,
    added: &[SubnetId],
    cause: CliError,
) -> CliError {
    let mut clean = true;
    for subnet in added {
        clean &= session.client.router_remove_subnet(router.id, *subnet).await.is_ok();
    }
    if is_new {
        clean &= session.client.delete::<Router>(&router.id).await.is_ok();
    }
    if clean {
        return cause;
    }
    let left = format!("router {} is left with some of its subnets: delete it", router.id);
    CliError::Halfway { cause: Box::new(cause), left }
}

async fn attached(session: &Session<'_>, router: RouterId) -> Result<Vec<SubnetId>, CliError> {
    let ports = session.client.list::<Port>(&ListFilter::default()).await?;
    let its = ports.iter().filter(|port| port.attachment == PortAttachment::Router(router));
    Ok(its.flat_map(|port| &port.fixed_ips).map(|fixed| fixed.subnet_id).collect())
}

impl Shown for Router {
    const COLUMNS: &'static [&'static str] = &["Project"];

    fn parse_id(text: &str) -> Option<RouterId> {
        text.parse().ok()
    }

    fn columns(&self) -> Vec<String> {
        vec![self.project_id.to_string()]
    }
}
