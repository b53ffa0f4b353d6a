//! The instance that is asked for, in the words of `nova boot`.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use innkeeper_model::{
    Flavor, ImageId, InstanceId, Network, NetworkRequest, NewInstance, Port, Secret,
};

use super::nics::{Nic, Nics};
use crate::cli::{
    arguments::{ListArgs, destination_and_source, key_value, properties, read_text},
    error::CliError,
    instance::{personality, user_data},
    session::Session,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Instance options")]
pub(super) struct Request {
    /// The id to give it, such as Nova's; a random one otherwise.
    #[arg(long)]
    pub(super) id: Option<InstanceId>,
    /// The flavor, by name or id.
    #[arg(long)]
    flavor: String,
    /// The image, by name or id; or a disk image's file, which is made known as an image.
    #[arg(long, value_name = "IMAGE|FILE")]
    pub(super) image: Option<String>,
    #[command(flatten)]
    nics: Nics,
    /// A key pair of the project.
    #[arg(long, value_name = "KEYPAIR")]
    key_name: Option<String>,
    /// File that the guest reads as user data.
    #[arg(long, value_name = "FILE")]
    user_data: Option<PathBuf>,
    /// A metadata item; can be repeated.
    #[arg(long = "meta", alias = "property", value_name = "KEY=VALUE", value_parser = key_value)]
    metadata: Vec<(String, String)>,
    /// The availability zone.
    #[arg(long, value_name = "ZONE")]
    availability_zone: Option<String>,
    /// The host name, instead of one made from the name.
    #[arg(long)]
    hostname: Option<String>,
    /// Security groups of the ports that are made, separated by commas.
    #[arg(
        long,
        alias = "security-group",
        value_name = "GROUPS",
        value_delimiter = ',',
        action = ArgAction::Append
    )]
    security_groups: Vec<String>,
    /// A file to be put into the guest (config drive only); can be repeated.
    #[arg(long = "file", value_name = "DEST=SRC", value_parser = destination_and_source)]
    files: Vec<(String, String)>,
    /// Whether it gets a config drive.
    #[arg(long, value_name = "true|false", action = ArgAction::Set, default_value = "false")]
    pub(super) config_drive: bool,
    /// File with the administrator's password (config drive only); command lines are for all of
    /// the machine's users to see.
    #[arg(long, alias = "admin-pass-file", value_name = "FILE")]
    admin_password_file: Option<PathBuf>,
}

impl Request {
    /// The flavor that is meant.
    pub(super) async fn flavor(&self, session: &Session<'_>) -> Result<Flavor, CliError> {
        session.find::<Flavor>(&self.flavor).await
    }

    /// The instance as the control API takes it.
    pub(super) async fn new_instance(
        &self,
        session: &Session<'_>,
        name: &str,
        image: Option<ImageId>,
    ) -> Result<NewInstance, CliError> {
        let flavor = self.flavor(session).await?;
        let mut new = NewInstance::named(name, session.project.clone(), flavor.id);
        new.id = self.id;
        new.image_id = image;
        new.networks = self.networks(session).await?;
        new.key_name.clone_from(&self.key_name);
        new.user_data = user_data(self.user_data.as_deref())?;
        new.metadata = properties(&self.metadata);
        new.availability_zone.clone_from(&self.availability_zone);
        new.hostname.clone_from(&self.hostname);
        let groups = self.security_groups.clone();
        new.security_groups = Some(groups).filter(|groups| !groups.is_empty());
        new.personality = self.files.iter().map(personality).collect::<Result<_, _>>()?;
        new.config_drive = self.config_drive;
        if let Some(file) = &self.admin_password_file {
            let password = read_text(file)?;
            new.admin_password = Some(Secret::new(password.trim_end_matches(['\r', '\n'])));
        }
        new.validate()?;
        Ok(new)
    }

    /// Where it is plugged in, in order.
    pub(super) async fn networks(
        &self,
        session: &Session<'_>,
    ) -> Result<Vec<NetworkRequest>, CliError> {
        if self.nics.0.is_empty() {
            return only_network(session).await;
        }
        let mut networks = Vec::with_capacity(self.nics.0.len());
        for nic in &self.nics.0 {
            match nic {
                Nic::Network(name) => {
                    let id = session.id_of::<Network>(name).await?;
                    networks.push(NetworkRequest::Network(id));
                }
                Nic::Port(name) => {
                    networks.push(NetworkRequest::Port(session.id_of::<Port>(name).await?));
                }
                Nic::Auto | Nic::None if self.nics.0.len() > 1 => {
                    let message = "--nic auto and --nic none stand alone";
                    return Err(CliError::Usage(message.to_owned()));
                }
                Nic::Auto => return only_network(session).await,
                Nic::None => {}
            }
        }
        Ok(networks)
    }
}

/// As Nova does it: a project's only network is meant where none is named.
async fn only_network(session: &Session<'_>) -> Result<Vec<NetworkRequest>, CliError> {
    let all = ListArgs { all_projects: false, name: None };
    match session.listed::<Network>(&all).await?.as_slice() {
        [] => Ok(Vec::new()),
        [network] => Ok(vec![NetworkRequest::Network(network.id)]),
        several => Err(CliError::Usage(format!(
            "the project has {} networks: choose with --network or --nic net-name=NAME, or give \
             --nic none",
            several.len()
        ))),
    }
}
