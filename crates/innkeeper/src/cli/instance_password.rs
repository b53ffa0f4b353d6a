//! `innkeeper instance password`: what the guest posted, decrypted here if its owner gives the key.

use std::path::PathBuf;

use base64::Engine as _;
use clap::Args;
use innkeeper_model::Instance;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey, traits::PublicKeyParts as _};
use serde_json::json;

use super::{
    arguments::{Which, read_text},
    error::CliError,
    output::{harmless, note, write_bytes, write_json},
    private_key::{self, PrivateKeyError},
    session::Session,
};

#[derive(Debug, Args)]
pub(crate) struct Password {
    #[command(flatten)]
    which: Which,
    /// The private key of the instance's key pair: RSA, as PEM or OpenSSH file.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Forget the password, so that the guest may post another.
    #[arg(long, conflicts_with = "private_key")]
    clear: bool,
}

/// Why there is no password to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// The guest has not said anything.
    #[error(
        "{0} has posted no password yet: wait until it has booted; guests without such an agent \
         (cloudbase-init on Windows, for example) never post one"
    )]
    None(String),
    /// The file holds no key that helps.
    #[error("cannot use {path}: {cause}")]
    Key {
        /// Which file.
        path: String,
        /// Why.
        cause: PrivateKeyError,
    },
    /// It was not encrypted as it should be.
    #[error("what {0} posted is no base64, so it is not encrypted; print it without --private-key")]
    NotEncrypted(String),
    /// Another key encrypted it.
    #[error(
        "{path} is not the key that the password was encrypted for ({key_bits} bits, the password \
         is of {text_bits}); give the private key of the key pair that the instance was made with"
    )]
    WrongKey {
        /// Which file.
        path: String,
        /// Bits of the key in it.
        key_bits: usize,
        /// Bits of what was encrypted, rounded up to bytes.
        text_bits: usize,
    },
}

pub(crate) async fn run(session: &Session<'_>, args: &Password) -> Result<(), CliError> {
    let instance = session.find::<Instance>(&args.which.name).await?;
    if args.clear {
        session.client.instance_password_clear(instance.id).await?;
        return session.output.say(&format!("password of {} forgotten", args.which.name));
    }
    // Before the password is asked for, so that a wrong file is told whatever the guest has done.
    let key = args.private_key.as_ref().map(|path| {
        let text = read_text(path)?;
        let path = path.display().to_string();
        let key = private_key::read(&text);
        let key = key.map_err(|cause| PasswordError::Key { path: path.clone(), cause })?;
        Ok::<_, CliError>((path, key))
    });
    let key = key.transpose()?;
    let posted = session.client.instance_password(instance.id).await?;
    if posted.is_empty() {
        return Err(PasswordError::None(args.which.name.clone()).into());
    }
    match key {
        None => print_posted(session, &posted),
        Some((path, key)) => {
            print_decrypted(session, &decrypted(&posted, &key, &path, &args.which.name)?)
        }
    }
}

fn print_posted(session: &Session<'_>, posted: &str) -> Result<(), CliError> {
    if !session.output.is_for_people() {
        return write_json(&json!({"encrypted_password": posted}));
    }
    note(
        "this is encrypted with the public key of the instance's key pair; give --private-key FILE",
    );
    write_bytes(format!("{}\n", harmless(posted)).as_bytes())
}

/// The guest chose it, and a terminal obeys control characters.
fn print_decrypted(session: &Session<'_>, password: &[u8]) -> Result<(), CliError> {
    let text = String::from_utf8_lossy(password);
    if !session.output.is_for_people() {
        return write_json(&json!({"password": text}));
    }
    if text.chars().any(char::is_control) {
        note("the password has control characters, shown here as escapes; --output json has them");
        return write_bytes(format!("{}\n", text.escape_debug()).as_bytes());
    }
    write_bytes(format!("{text}\n").as_bytes())
}

/// As cloudbase-init encrypts it and as Nova's own clients expect it: RSA with the padding of
/// PKCS #1 v1.5, in base64.
fn decrypted(
    posted: &str,
    key: &RsaPrivateKey,
    path: &str,
    name: &str,
) -> Result<Vec<u8>, PasswordError> {
    let base64: String = posted.split_ascii_whitespace().collect();
    let encrypted = base64::engine::general_purpose::STANDARD.decode(base64);
    let encrypted =
        encrypted.map_err(|_not_base64| PasswordError::NotEncrypted(name.to_owned()))?;
    let wrong_key = || PasswordError::WrongKey {
        path: path.to_owned(),
        key_bits: key.n().bits(),
        text_bits: encrypted.len() * 8,
    };
    key.decrypt(Pkcs1v15Encrypt, &encrypted).map_err(|_padding| wrong_key())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTED: &str = include_str!("../../tests/keys/password.base64");

    fn with(key: &str) -> Result<Vec<u8>, PasswordError> {
        let key = private_key::read(key).expect("an RSA key");
        decrypted(POSTED, &key, "key.pem", "web1")
    }

    #[test]
    fn every_format_of_the_key_decrypts() {
        for key in [
            include_str!("../../tests/keys/pkcs1.pem"),
            include_str!("../../tests/keys/pkcs8.pem"),
            include_str!("../../tests/keys/openssh.key"),
            &include_str!("../../tests/keys/pkcs8.pem").replace('\n', "\r\n"),
        ] {
            assert_eq!(with(key).expect("decrypted"), "Adm1n-päss!".as_bytes());
        }
    }

    #[test]
    fn another_key_is_told() {
        let error = with(include_str!("../../tests/keys/other.pem")).expect_err("another key");
        assert!(error.to_string().starts_with("key.pem is not the key"), "{error}");
        let key = private_key::read(include_str!("../../tests/keys/pkcs1.pem")).expect("a key");
        let error = decrypted("c2hvcnQ=", &key, "k", "web1").expect_err("too short").to_string();
        assert!(error.contains("(2048 bits, the password is of 40)"), "{error}");
    }

    #[test]
    fn what_is_not_encrypted_is_told() {
        let key = private_key::read(include_str!("../../tests/keys/pkcs1.pem")).expect("a key");
        let error = decrypted("in the clear!", &key, "k", "web1").expect_err("no base64");
        assert!(error.to_string().contains("web1 posted is no base64"), "{error}");
    }
}
