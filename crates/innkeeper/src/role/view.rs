//! The network view of the roles `agent` and `host`, when another process has the database.

use innkeeper_control_api::{Client, ControlAddress as ClientAddress};
use innkeeper_network_view::NetworkView;

use crate::{
    config::{ControlAddress, SecretFile},
    secret_file,
};

/// Asks the control API at `control`, with the token in a file where it is asked for one.
pub(super) fn of(
    control: &ControlAddress,
    token_file: Option<&SecretFile>,
) -> anyhow::Result<NetworkView> {
    let address = match (control, token_file) {
        (ControlAddress::Socket(path), _) => ClientAddress::Unix(path.clone()),
        (ControlAddress::Url(url), Some(file)) => ClientAddress::Tcp {
            authority: format!("{}:{}", url.host(), url.port()),
            token: secret_file::token(file.path())?,
        },
        (ControlAddress::Url(url), None) => {
            anyhow::bail!("{} asks for a token: set control_token_file", url.uri())
        }
    };
    Ok(NetworkView::Control(Client::new(address)))
}
