//! `innkeeper instance`.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use clap::{ArgAction, Args, Subcommand, ValueEnum};
use innkeeper_control_api::Written;
use innkeeper_model::{
    Flavor, Image, Instance, InstanceChange, InstanceId, Network, NetworkRequest, NewInstance,
    PersonalityFile, Port, PowerState, Secret, UserData,
};

use super::{
    addresses::Addresses,
    arguments::{
        IfNotExists, ListArgs, Which, WhichOnes, destination_and_source, key_value, properties,
        read_file, read_text,
    },
    error::CliError,
    instance_password::{self, Password},
    interfaces::{Interface, Interfaces},
    output::{Shown, warn, write_bytes, write_json},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// Create an instance and its ports.
    ///
    /// Example: innkeeper instance create web1 --network blue --key-name mykey --image debian12
    /// --flavor m1.small --user-data ./cloud.yaml --property role=web
    Create(Box<Create>),
    /// List instances.
    List(ListArgs),
    /// Show an instance.
    Show(Which),
    /// Change an instance.
    ///
    /// Example: innkeeper instance set web1 --property role=db --unset-property tier
    Set(Set),
    /// Delete instances, and the ports that were made for them.
    Delete(WhichOnes),
    /// Print exactly what the guest would be served.
    ///
    /// Example: innkeeper instance metadata web1 /latest/meta-data/hostname
    Metadata(Metadata),
    /// Print the password that the guest made for its administrator.
    ///
    /// Guests such as Windows with cloudbase-init post it encrypted with the public key of their key
    /// pair. With --private-key it is decrypted here: the key is sent nowhere.
    ///
    /// Example: innkeeper instance password win1 --private-key ~/.ssh/id_rsa
    Password(Password),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The display name; the host name is made from it.
    name: String,
    /// The id to give it, such as Nova's; a random one otherwise.
    #[arg(long)]
    id: Option<InstanceId>,
    /// The flavor, by name or id.
    #[arg(long)]
    flavor: String,
    /// The image, by name or id.
    #[arg(long)]
    image: Option<String>,
    #[command(flatten)]
    pub(crate) interfaces: Interfaces,
    /// A key pair of the project.
    #[arg(long, value_name = "KEYPAIR")]
    key_name: Option<String>,
    /// File that the guest reads as user data.
    #[arg(long, value_name = "FILE")]
    user_data: Option<PathBuf>,
    /// A metadata item; can be repeated.
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    /// The availability zone.
    #[arg(long, value_name = "ZONE")]
    availability_zone: Option<String>,
    /// The host name, instead of one made from the name.
    #[arg(long)]
    hostname: Option<String>,
    /// A security group of the ports that are made; can be repeated.
    #[arg(long = "security-group", value_name = "GROUP")]
    security_groups: Vec<String>,
    /// A file to be put into the guest (config drive only); can be repeated.
    #[arg(long = "file", value_name = "DEST=SRC", value_parser = destination_and_source)]
    files: Vec<(String, String)>,
    /// Whether it gets a config drive.
    #[arg(long, value_name = "true|false", action = ArgAction::Set, default_value = "false")]
    config_drive: bool,
    /// File with the administrator's password (config drive only).
    #[arg(long, value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
    #[command(flatten)]
    existing: IfNotExists,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    /// A new display name; the host name stays.
    #[arg(long = "name", value_name = "NAME")]
    new_name: Option<String>,
    /// A new host name.
    #[arg(long)]
    hostname: Option<String>,
    /// A metadata item to set; the others stay. Can be repeated.
    #[arg(long = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    properties: Vec<(String, String)>,
    /// A metadata item to take away; can be repeated.
    #[arg(long = "unset-property", value_name = "KEY")]
    unset: Vec<String>,
    /// File that the guest reads as user data from now on.
    #[arg(long, value_name = "FILE")]
    user_data: Option<PathBuf>,
    /// The availability zone.
    #[arg(long, value_name = "ZONE")]
    availability_zone: Option<String>,
    /// Whether it runs.
    #[arg(long, value_name = "STATE")]
    power_state: Option<Power>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Power {
    Unknown,
    Running,
    Shutdown,
}

#[derive(Debug, Args)]
pub(crate) struct Metadata {
    #[command(flatten)]
    which: Which,
    /// The path, as the guest would ask for it.
    #[arg(default_value = "/openstack/latest/meta_data.json")]
    path: String,
}

pub(crate) async fn run(session: &Session<'_>, command: InstanceCommand) -> Result<(), CliError> {
    match command {
        InstanceCommand::Create(args) => create(session, *args).await,
        InstanceCommand::List(args) => list(session, &args).await,
        InstanceCommand::Show(which) => show(session, &session.find(&which.name).await?).await,
        InstanceCommand::Set(args) => {
            let id = session.id_of::<Instance>(&args.which.name).await?;
            let change = change(args)?;
            let changed = session.client.update_with_warnings::<Instance>(&id, &change).await?;
            show_written(session, &changed).await
        }
        InstanceCommand::Delete(which) => session.delete::<Instance>(&which.names).await,
        InstanceCommand::Metadata(args) => metadata(session, &args).await,
        InstanceCommand::Password(args) => instance_password::run(session, &args).await,
    }
}

async fn create(session: &Session<'_>, args: Create) -> Result<(), CliError> {
    let flavor = session.find::<Flavor>(&args.flavor).await?;
    let mut new = NewInstance::named(args.name.clone(), session.project.clone(), flavor.id);
    new.id = args.id;
    new.image_id = session.id_of_any::<Image>(args.image.as_deref()).await?;
    for interface in args.interfaces.0 {
        new.networks.push(match interface {
            Interface::Network(name) => {
                NetworkRequest::Network(session.id_of::<Network>(&name).await?)
            }
            Interface::Port(name) => NetworkRequest::Port(session.id_of::<Port>(&name).await?),
        });
    }
    new.key_name = args.key_name;
    new.user_data = user_data(args.user_data.as_deref())?;
    new.metadata = properties(&args.properties);
    new.availability_zone = args.availability_zone;
    new.hostname = args.hostname;
    new.security_groups = Some(args.security_groups).filter(|groups| !groups.is_empty());
    new.personality = args.files.iter().map(personality).collect::<Result<_, _>>()?;
    new.config_drive = args.config_drive;
    if let Some(file) = &args.admin_password_file {
        new.admin_password = Some(Secret::new(read_text(file)?.trim_end_matches(['\r', '\n'])));
    }
    new.validate()?;
    let may_exist = args.existing.if_not_exists;
    let (made, _) = session.made_with_warnings::<Instance>(&new, &args.name, may_exist).await?;
    show_written(session, &made).await
}

async fn list(session: &Session<'_>, args: &ListArgs) -> Result<(), CliError> {
    let instances = session.listed::<Instance>(args).await?;
    if !session.output.is_for_people() {
        return session.output.list(&instances);
    }
    let project = (!args.all_projects).then(|| session.project.clone());
    let addresses = Addresses::fetch(session, project).await?;
    session
        .output
        .list_with(&instances, &["Addresses"], |instance| vec![addresses.of_instance(instance)])
}

/// What was written; what its guest will not understand goes where errors go, so that programs can
/// read the rest.
async fn show_written(session: &Session<'_>, written: &Written<Instance>) -> Result<(), CliError> {
    warn(&written.warnings);
    if session.output.is_for_people() {
        return show(session, &written.resource).await;
    }
    write_json(written)
}

/// The instance and, for people, where it is plugged in.
async fn show(session: &Session<'_>, instance: &Instance) -> Result<(), CliError> {
    if !session.output.is_for_people() {
        return session.output.show(instance);
    }
    let addresses = Addresses::fetch(session, Some(instance.project_id.clone())).await?;
    let addresses = addresses.of_instance(instance);
    session.output.show_with(instance, Some(("addresses", addresses)))
}

fn change(args: Set) -> Result<InstanceChange, CliError> {
    Ok(InstanceChange {
        name: args.new_name,
        hostname: args.hostname,
        user_data: user_data(args.user_data.as_deref())?,
        set_metadata: properties(&args.properties),
        unset_metadata: args.unset,
        availability_zone: args.availability_zone,
        power_state: args.power_state.map(|power| match power {
            Power::Unknown => PowerState::Unknown,
            Power::Running => PowerState::Running,
            Power::Shutdown => PowerState::Shutdown,
        }),
        devices: None,
    })
}

async fn metadata(session: &Session<'_>, args: &Metadata) -> Result<(), CliError> {
    let id = session.id_of::<Instance>(&args.which.name).await?;
    let answer = session.client.instance_metadata(id, &args.path).await?;
    write_bytes(&answer.body)?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(CliError::Guest { status: answer.status, reason: answer.reason })
}

/// What a file gives guests as user data.
pub(super) fn user_data(file: Option<&Path>) -> Result<Option<UserData>, CliError> {
    let bytes = file.map(read_file).transpose()?;
    Ok(bytes.as_deref().map(UserData::from_bytes).transpose()?)
}

/// A file that is to be put into the guest.
pub(super) fn personality((path, source): &(String, String)) -> Result<PersonalityFile, CliError> {
    let bytes = read_file(Path::new(source))?;
    let contents = base64::engine::general_purpose::STANDARD.encode(bytes);
    Ok(PersonalityFile { path: path.clone(), contents })
}

impl Shown for Instance {
    const COLUMNS: &'static [&'static str] = &["Host name", "Flavor", "Key", "Power"];

    fn parse_id(text: &str) -> Option<InstanceId> {
        text.parse().ok()
    }

    fn columns(&self) -> Vec<String> {
        let key = self.key_pair.as_ref().map(|key| key.name.clone()).unwrap_or_default();
        let power = match self.power_state {
            PowerState::Unknown => "unknown",
            PowerState::Running => "running",
            PowerState::Shutdown => "shutdown",
        };
        vec![self.hostname.clone(), self.flavor.name.clone(), key, power.to_owned()]
    }

    fn field(&self, name: &str) -> Option<String> {
        match name {
            "flavor" => {
                let Flavor { name, vcpus, ram_mib, disk_gib, .. } = &self.flavor;
                Some(format!("{name} ({vcpus} VCPUs, {ram_mib} MiB, {disk_gib} GiB)"))
            }
            "key_pair" => self.key_pair.as_ref().map(|key| key.name.clone()),
            "user_data" => self.user_data.as_ref().map(|data| {
                let bytes = data.to_bytes().len();
                format!("{bytes} bytes, served at /openstack/latest/user_data")
            }),
            "personality" => {
                let paths: Vec<_> = self.personality.iter().map(|it| it.path.as_str()).collect();
                Some(paths.join(", "))
            }
            _ => None,
        }
    }
}
