//! `innkeeper metadata-provider`.

use clap::{Args, Subcommand};
use innkeeper_model::{MetadataProvider, Network, NetworkId};

use super::{error::CliError, session::Session};

#[derive(Debug, Subcommand)]
pub(crate) enum MetadataProviderCommand {
    /// List providers with the networks for whose guests they may speak.
    List,
    /// Let a provider speak for the guests of a network.
    ///
    /// Example: innkeeper metadata-provider add 3a1d5f52-8f0a-4d5e-9d0c-2f5b1c7e6a90 blue
    Add(ProviderNetwork),
    /// No longer let a provider speak for the guests of a network.
    ///
    /// Example: innkeeper metadata-provider remove 3a1d5f52-8f0a-4d5e-9d0c-2f5b1c7e6a90 blue
    Remove(ProviderNetwork),
}

#[derive(Debug, Args)]
pub(crate) struct ProviderNetwork {
    /// What the provider sends as X-Metadata-Provider.
    provider: String,
    /// The network, by name or id; an id may be that of a network that only imported instances are
    /// on.
    network: String,
}

pub(crate) async fn run(
    session: &Session<'_>,
    command: MetadataProviderCommand,
) -> Result<(), CliError> {
    match command {
        MetadataProviderCommand::List => {
            let all = session.client.metadata_provider_list().await?;
            session.output.rows(&all, &["Provider", "Networks"], |one| {
                let ids: Vec<_> = one.network_ids.iter().map(ToString::to_string).collect();
                vec![one.provider.clone(), ids.join("\n")]
            })
        }
        MetadataProviderCommand::Add(ProviderNetwork { provider, network }) => {
            MetadataProvider::check_name(&provider)?;
            let id = network_id(session, &network).await?;
            session.client.metadata_provider_add(&provider, id).await?;
            session.output.say(&format!("provider {provider} may speak for network {network}"))
        }
        MetadataProviderCommand::Remove(ProviderNetwork { provider, network }) => {
            MetadataProvider::check_name(&provider)?;
            let id = network_id(session, &network).await?;
            session.client.metadata_provider_remove(&provider, id).await?;
            session.output.say(&format!("provider {provider} may not speak for network {network}"))
        }
    }
}

/// A network of ours by its name or id, or any other by its id.
async fn network_id(session: &Session<'_>, given: &str) -> Result<NetworkId, CliError> {
    match session.id_of::<Network>(given).await {
        Err(CliError::NotFound(text)) => {
            given.parse().map_err(|_not_an_id| CliError::NotFound(text))
        }
        found => found,
    }
}
