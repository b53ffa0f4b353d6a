//! RSA private keys as `ssh-keygen` and `openssl` write them: PKCS #1, PKCS #8 and OpenSSH's own.

use base64::Engine as _;
use rsa::{
    BigUint, RsaPrivateKey,
    pkcs1::{self, DecodeRsaPrivateKey as _},
    pkcs8::{PrivateKeyInfo, SecretDocument},
};

/// Why a file gives no private key that decrypts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrivateKeyError {
    /// Other algorithms sign only.
    #[error(
        "it is a key of type {0}, and only RSA keys can decrypt; give the private key of the key \
         pair that the instance was made with"
    )]
    NotRsa(String),
    /// It would have to be unlocked first.
    #[error(
        "it is protected by a passphrase; make a copy without one (`{0}`), use that and delete it"
    )]
    Protected(&'static str),
    /// The other half of the pair.
    #[error("it is a public key; give the private one, which has the same name without .pub")]
    Public,
    /// Anything else.
    #[error("it is no private key in PEM or OpenSSH format")]
    Unknown,
    /// It begins like one.
    #[error("the private key in it is damaged: {0}")]
    Broken(String),
}

const UNLOCK_PEM: &str = "openssl pkey -in FILE -out COPY";
const UNLOCK_OPENSSH: &str = "cp FILE COPY && ssh-keygen -p -N '' -f COPY";

const OPENSSH_BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const OPENSSH_END: &str = "-----END OPENSSH PRIVATE KEY-----";
const OPENSSH_MAGIC: &[u8] = b"openssh-key-v1\0";

/// The key in a file's text.
pub(crate) fn read(text: &str) -> Result<RsaPrivateKey, PrivateKeyError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let first = text.lines().next().unwrap_or_default().trim_end();
    match first {
        OPENSSH_BEGIN => openssh(text),
        "-----BEGIN RSA PRIVATE KEY-----" if text.contains("ENCRYPTED") => {
            Err(PrivateKeyError::Protected(UNLOCK_PEM))
        }
        "-----BEGIN RSA PRIVATE KEY-----" => {
            RsaPrivateKey::from_pkcs1_pem(text).map_err(|error| broken(&error))
        }
        "-----BEGIN PRIVATE KEY-----" => pkcs8(text),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----" => Err(PrivateKeyError::Protected(UNLOCK_PEM)),
        "-----BEGIN EC PRIVATE KEY-----" => Err(PrivateKeyError::NotRsa("ECDSA".to_owned())),
        "-----BEGIN DSA PRIVATE KEY-----" => Err(PrivateKeyError::NotRsa("DSA".to_owned())),
        _ if is_public(first) => Err(PrivateKeyError::Public),
        _ => Err(PrivateKeyError::Unknown),
    }
}

fn broken(error: &impl std::fmt::Display) -> PrivateKeyError {
    PrivateKeyError::Broken(error.to_string())
}

fn is_public(first_line: &str) -> bool {
    first_line.contains(" PUBLIC KEY-----")
        || ["ssh-", "ecdsa-", "sk-"].iter().any(|start| first_line.starts_with(start))
}

fn pkcs8(text: &str) -> Result<RsaPrivateKey, PrivateKeyError> {
    let (_label, document) = SecretDocument::from_pem(text).map_err(|error| broken(&error))?;
    let info = PrivateKeyInfo::try_from(document.as_bytes()).map_err(|error| broken(&error))?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(PrivateKeyError::NotRsa(algorithm(&info.algorithm.oid.to_string())));
    }
    RsaPrivateKey::try_from(info).map_err(|error| broken(&error))
}

/// What people call an algorithm of PKCS #8.
fn algorithm(oid: &str) -> String {
    match oid {
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.2.840.10045.2.1" => "ECDSA".to_owned(),
        other => other.to_owned(),
    }
}

/// The format of OpenSSH's PROTOCOL.key.
fn openssh(text: &str) -> Result<RsaPrivateKey, PrivateKeyError> {
    let damaged = |what: &str| PrivateKeyError::Broken(what.to_owned());
    let base64: String = text
        .trim_start_matches(OPENSSH_BEGIN)
        .split(OPENSSH_END)
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
    let bytes = bytes.map_err(|error| broken(&error))?;
    let rest = bytes.strip_prefix(OPENSSH_MAGIC).ok_or_else(|| damaged("it has no magic"))?;

    let ended = || damaged("it ends too early");
    let mut outer = Fields(rest);
    let cipher = outer.string().ok_or_else(ended)?;
    let (_kdf, _options, keys) =
        (outer.string(), outer.string(), outer.number().ok_or_else(ended)?);
    if keys != 1 {
        return Err(damaged("it holds several keys"));
    }
    // The public half names the type even where the private half is protected.
    let kind = Fields(outer.string().ok_or_else(ended)?).string().ok_or_else(ended)?;
    if kind != b"ssh-rsa" {
        let kind = String::from_utf8_lossy(kind).escape_debug().to_string();
        return Err(PrivateKeyError::NotRsa(kind));
    }
    if cipher != b"none" {
        return Err(PrivateKeyError::Protected(UNLOCK_OPENSSH));
    }

    let mut inner = Fields(outer.string().ok_or_else(ended)?);
    if inner.number().ok_or_else(ended)? != inner.number().ok_or_else(ended)? {
        return Err(damaged("its two check numbers differ"));
    }
    let _kind = inner.string();
    let mut integer = || inner.string().map(BigUint::from_bytes_be).ok_or_else(ended);
    let (modulus, public, private) = (integer()?, integer()?, integer()?);
    let (_inverse, p, q) = (integer()?, integer()?, integer()?);
    RsaPrivateKey::from_components(modulus, public, private, vec![p, q])
        .map_err(|error| broken(&error))
}

/// Fields of the SSH wire format (RFC 4251), from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(label: &str, bytes: &[u8]) -> String {
        let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
    }

    /// A file of OpenSSH's with this cipher and type of key, and nothing where the key would be.
    fn openssh_file(cipher: &str, kind: &str) -> String {
        let string = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
            [&length, bytes].concat()
        };
        let public = string(kind.as_bytes());
        let parts = [string(cipher.as_bytes()), string(b"none"), string(b""), vec![0, 0, 0, 1]];
        let whole = [OPENSSH_MAGIC, &parts.concat(), &string(&public), &string(b"")].concat();
        pem("OPENSSH PRIVATE KEY", &whole)
    }

    #[test]
    fn what_cannot_decrypt_is_told_from_what_is_broken() {
        let not_rsa = |kind: &str| PrivateKeyError::NotRsa(kind.to_owned());
        let ed25519 = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
            -----END PRIVATE KEY-----\n";
        for (text, expected) in [
            ("", PrivateKeyError::Unknown),
            ("hello", PrivateKeyError::Unknown),
            ("ssh-rsa AAAA me@here", PrivateKeyError::Public),
            (&pem("PUBLIC KEY", b"x"), PrivateKeyError::Public),
            (&pem("EC PRIVATE KEY", b"x"), not_rsa("ECDSA")),
            (ed25519, not_rsa("Ed25519")),
            (&openssh_file("none", "ssh-ed25519"), not_rsa("ssh-ed25519")),
            (&openssh_file("aes256-ctr", "ssh-ed25519"), not_rsa("ssh-ed25519")),
            (&openssh_file("aes256-ctr", "ssh-rsa"), PrivateKeyError::Protected(UNLOCK_OPENSSH)),
            (&pem("ENCRYPTED PRIVATE KEY", b"x"), PrivateKeyError::Protected(UNLOCK_PEM)),
        ] {
            assert_eq!(read(text).expect_err(text), expected, "{text}");
        }
        for text in [
            openssh_file("none", "ssh-rsa"),
            pem("OPENSSH PRIVATE KEY", b"x"),
            pem("RSA PRIVATE KEY", b"x"),
            pem("PRIVATE KEY", b"x"),
            OPENSSH_BEGIN.to_owned(),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(matches!(error, PrivateKeyError::Broken(_)), "{text}: {error}");
        }
    }
}
