use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::{Invalid, ProjectId, UnixSeconds, limits, text};

/// What a key pair is good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum KeyPairType {
    /// An OpenSSH public key.
    #[default]
    Ssh,
    /// An X.509 certificate, for Windows guests.
    X509,
}

impl KeyPairType {
    /// The word that documents carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::X509 => "x509",
        }
    }
}

/// The public half of a key pair; the private half never comes here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyPair {
    /// Unique within its project.
    pub name: String,
    /// The owner.
    pub project_id: ProjectId,
    /// What it is good for.
    #[serde(rename = "type")]
    pub key_pair_type: KeyPairType,
    /// The key's text, verbatim; it may end in a newline.
    pub public_key: String,
    /// MD5-free: `SHA256:` and the unpadded base64 of the key blob's hash, as `ssh-keygen -l`
    /// prints it; absent for certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// When it was made.
    pub created_at: UnixSeconds,
}

/// A key pair to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKeyPair {
    /// Unique within its project.
    pub name: String,
    /// The owner.
    pub project_id: ProjectId,
    /// What it is good for.
    #[serde(rename = "type", default)]
    pub key_pair_type: KeyPairType,
    /// The key's text.
    pub public_key: String,
}

impl NewKeyPair {
    /// Refuses what breaks a rule on its own, a private key above all.
    pub fn validate(&self) -> Result<(), Invalid> {
        text::check_name(&self.name)?;
        let key = &self.public_key;
        if key.len() > limits::PUBLIC_KEY_BYTES_MAX {
            let reason = format!(
                "has {} bytes; at most {} are allowed",
                key.len(),
                limits::PUBLIC_KEY_BYTES_MAX
            );
            return Err(Invalid::new("public_key", reason));
        }
        if key.contains("PRIVATE KEY") {
            let reason = "this is a private key: give the public one, usually the file with .pub";
            return Err(Invalid::new("public_key", reason));
        }
        match self.key_pair_type {
            KeyPairType::Ssh => openssh_blob(key).map(|_| ()).ok_or_else(|| {
                let reason = "is not an OpenSSH public key such as \"ssh-ed25519 AAAA… comment\"";
                Invalid::new("public_key", reason)
            }),
            KeyPairType::X509 if key.contains("-----BEGIN CERTIFICATE-----") => Ok(()),
            KeyPairType::X509 => Err(Invalid::new(
                "public_key",
                "is not a PEM certificate (-----BEGIN CERTIFICATE-----)",
            )),
        }
    }

    /// The decoded key of an OpenSSH line, from which its fingerprint is made.
    pub fn openssh_blob(&self) -> Option<Vec<u8>> {
        openssh_blob(&self.public_key)
    }
}

/// `<algorithm> <base64 of length-prefixed algorithm, …> [comment]`: RFC 4253 §6.6.
fn openssh_blob(line: &str) -> Option<Vec<u8>> {
    let line = line.trim_end();
    if line.chars().any(char::is_control) {
        return None;
    }
    let mut words = line.split(' ');
    let algorithm = words.next().filter(|a| !a.is_empty())?;
    let blob = base64::engine::general_purpose::STANDARD.decode(words.next()?).ok()?;
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    (rest.get(..length)? == algorithm.as_bytes()).then_some(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5n8h1k0h8r3rV0sHcTzv3dQ2K8m1c0m1c0m1c0m1c0 me@here";

    fn check(key_pair_type: KeyPairType, public_key: &str) -> Result<(), Invalid> {
        let project_id = "p1".parse().expect("a project id");
        let public_key = public_key.to_owned();
        NewKeyPair { name: "mykey".to_owned(), project_id, key_pair_type, public_key }.validate()
    }

    #[test]
    fn public_keys_pass() {
        check(KeyPairType::Ssh, ED25519).expect("a good key");
        check(KeyPairType::Ssh, &format!("{ED25519}\n")).expect("a key with its newline");
        check(KeyPairType::X509, "-----BEGIN CERTIFICATE-----\nMII…").expect("a certificate");
    }

    #[test]
    fn everything_else_is_refused() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl…";
        let refused = check(KeyPairType::Ssh, private).expect_err("a private key");
        assert!(refused.to_string().contains("private key"), "{refused}");
        let two_lines = format!("{ED25519}\n{ED25519}");
        for bad in ["", "ssh-ed25519", "ssh-rsa AAAAC3NzaC1lZDI1NTE5", "ssh-rsa !!!!", &two_lines] {
            assert!(check(KeyPairType::Ssh, bad).is_err(), "{bad:?} was accepted");
        }
        assert!(check(KeyPairType::X509, ED25519).is_err());
    }
}
