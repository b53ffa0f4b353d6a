//! `innkeeper keypair`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use innkeeper_control_api::{KeyPairId, Resource as _};
use innkeeper_model::{KeyPair, KeyPairType, NewKeyPair};

use super::{
    arguments::{IfNotExists, ListArgs, Which, WhichOnes, read_text},
    error::CliError,
    output::Shown,
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyPairCommand {
    /// Create a key pair from its public key.
    ///
    /// Example: innkeeper keypair create mykey --public-key ~/.ssh/id_ed25519.pub
    Create(Create),
    /// List key pairs.
    List(ListArgs),
    /// Show a key pair.
    Show(Which),
    /// Replace a key pair's public key; instances keep the one they have.
    ///
    /// Example: innkeeper keypair set mykey --public-key ~/.ssh/new.pub
    Set(Set),
    /// Delete key pairs; instances keep their copy.
    Delete(WhichOnes),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Unique within the project.
    name: String,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    existing: IfNotExists,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    key: Key,
}

#[derive(Debug, Args)]
pub(crate) struct Key {
    /// File with the public key, usually ending in .pub.
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// What the key is: an OpenSSH key, or a certificate for Windows guests.
    #[arg(long = "type", value_name = "TYPE", default_value = "ssh")]
    key_type: KeyType,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KeyType {
    Ssh,
    X509,
}

pub(crate) async fn run(session: &Session<'_>, command: KeyPairCommand) -> Result<(), CliError> {
    match command {
        KeyPairCommand::Create(Create { name, key, existing }) => {
            let new = new(session, &name, &key)?;
            session.create::<KeyPair>(&new, &name, existing.if_not_exists).await
        }
        KeyPairCommand::List(args) => session.list::<KeyPair>(&args).await,
        KeyPairCommand::Show(which) => session.show::<KeyPair>(&which.name).await,
        KeyPairCommand::Set(Set { which, key }) => replace(session, &which.name, &key).await,
        KeyPairCommand::Delete(which) => session.delete::<KeyPair>(&which.names).await,
    }
}

fn new(session: &Session<'_>, name: &str, key: &Key) -> Result<NewKeyPair, CliError> {
    let new = NewKeyPair {
        name: name.to_owned(),
        project_id: session.project.clone(),
        key_pair_type: match key.key_type {
            KeyType::Ssh => KeyPairType::Ssh,
            KeyType::X509 => KeyPairType::X509,
        },
        public_key: read_text(&key.public_key)?,
    };
    // A private key must not even be sent.
    new.validate()?;
    Ok(new)
}

/// The control API knows no change of a key pair, so it is deleted and made anew; if that fails the
/// old one is put back.
async fn replace(session: &Session<'_>, name: &str, key: &Key) -> Result<(), CliError> {
    let new = new(session, name, key)?;
    let old = session.find::<KeyPair>(name).await?;
    session.client.delete::<KeyPair>(&old.id()).await?;
    match session.client.create::<KeyPair>(&new).await {
        Ok(made) => session.output.show(&made),
        Err(error) => {
            let back = NewKeyPair {
                name: old.name,
                project_id: old.project_id,
                key_pair_type: old.key_pair_type,
                public_key: old.public_key,
            };
            match session.client.create::<KeyPair>(&back).await {
                Ok(_) => Err(error.into()),
                Err(_) => Err(CliError::Halfway {
                    cause: Box::new(error.into()),
                    left: format!("key pair {name} is deleted: create it again"),
                }),
            }
        }
    }
}

impl Shown for KeyPair {
    const COLUMNS: &'static [&'static str] = &["Type", "Fingerprint"];

    fn parse_id(_text: &str) -> Option<KeyPairId> {
        None
    }

    fn columns(&self) -> Vec<String> {
        let kind = self.key_pair_type.as_str().to_owned();
        vec![kind, self.fingerprint.clone().unwrap_or_default()]
    }
}
