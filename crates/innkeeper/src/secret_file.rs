//! Reading files with secrets in them.

use std::{
    fs::File,
    io,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use innkeeper_model::Secret;

/// Whoever sees one signature can try secrets at leisure: 16 characters of any kind are beyond
/// trying. A shorter one is only warned of: it may be the one that Nova or Neutron has.
const SHARED_SECRET_BYTES_ADVISED: usize = 16;
/// No secret is longer; a wrong path might name anything.
const BYTES_MAX: u64 = 4_096;
/// Permission bits of those who are neither the owner nor of the group.
const OTHERS: u32 = 0o007;

/// Why a secret cannot be used. The text says what to do, never the secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretFileError {
    /// There is no such file.
    #[error("{what} is not at {}: {make}", path.display())]
    Missing { what: &'static str, path: PathBuf, make: &'static str },
    /// It cannot be read.
    #[error("cannot read {what} from {}: {error}", path.display())]
    Unreadable { what: &'static str, path: PathBuf, error: io::Error },
    /// Everybody on this machine may read it.
    #[error(
        "everybody on this machine may read or write {what} in {0} (mode {mode:o}): run chmod o= {0}; \
         if somebody may have read it, remove it and let innkeeper init make another",
        path.display()
    )]
    Open { what: &'static str, path: PathBuf, mode: u32 },
    /// It holds nothing of use.
    #[error("{what} in {} {problem}: remove the file, then {make}", path.display())]
    Unusable { what: &'static str, path: PathBuf, problem: &'static str, make: &'static str },
}

/// The secret that agent and API share.
pub(crate) fn shared_secret(path: &Path) -> Result<Secret, SecretFileError> {
    let kind = Kind {
        what: "the shared secret",
        make: "innkeeper init makes one; where agent and API run on several machines, copy the \
               file of the first to the others",
    };
    let secret = kind.read(path)?;
    if secret.expose().len() < SHARED_SECRET_BYTES_ADVISED {
        tracing::warn!(
            file = %path.display(),
            "the shared secret is short enough to be guessed; give agent and API a longer one"
        );
    }
    Ok(secret)
}

/// A token of the control API.
pub(crate) fn token(path: &Path) -> Result<Secret, SecretFileError> {
    let kind = Kind {
        what: "the token",
        make: "copy the agent.token that innkeeper init made where the API runs",
    };
    kind.read(path)
}

struct Kind {
    what: &'static str,
    make: &'static str,
}

impl Kind {
    fn read(&self, path: &Path) -> Result<Secret, SecretFileError> {
        let (what, make) = (self.what, self.make);
        let path = path.to_owned();
        let text = match self.read_open(&path) {
            Ok(Ok(text)) => text,
            Ok(Err(mode)) => return Err(SecretFileError::Open { what, path, mode }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SecretFileError::Missing { what, path, make });
            }
            Err(error) => return Err(SecretFileError::Unreadable { what, path, error }),
        };
        let text = text.trim_end_matches(['\r', '\n']);
        let problem = match text.trim().len() {
            0 => "is empty",
            _ if text.chars().any(char::is_control) => "has control characters or several lines",
            _ => return Ok(Secret::new(text)),
        };
        Err(SecretFileError::Unusable { what, path, problem, make })
    }

    /// The text, or the mode of a file that everybody may read.
    fn read_open(&self, path: &Path) -> io::Result<Result<String, u32>> {
        let file = File::open(path)?;
        let mode = file.metadata()?.mode() & 0o777;
        if mode & OTHERS != 0 {
            return Ok(Err(mode));
        }
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        Ok(Ok(text))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn read(text: &str, mode: u32) -> Result<Secret, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shared_secret");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        shared_secret(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_private_secret_is_read_without_its_line_end() {
        let text = "0123456789abcdef0123456789abcdef";
        for mode in [0o600, 0o640, 0o400] {
            assert_eq!(read(&format!("{text}\n"), mode), Ok(Secret::new(text)));
        }
    }

    #[test]
    fn a_short_secret_that_an_openstack_peer_has_is_taken() {
        assert_eq!(read("s3cr3t\n", 0o600), Ok(Secret::new("s3cr3t")));
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_without_showing_it() {
        let cases = [
            ("", 0o600, "is empty"),
            ("\n", 0o600, "is empty"),
            ("0123456789abcdef\n0123456789\n", 0o600, "several lines"),
            ("0123456789abcdef", 0o644, "chmod o="),
            ("0123456789abcdef", 0o602, "chmod o="),
        ];
        for (text, mode, expected) in cases {
            let message = read(text, mode).unwrap_err();
            assert!(message.contains(expected), "{text:?} {mode:o}: {message}");
            assert!(message.contains("innkeeper init"), "{message}");
            assert!(!message.contains("0123456789"), "{message}");
        }
    }

    #[test]
    fn a_missing_secret_leads_to_init() {
        let message = shared_secret(Path::new("/nonexistent/secret")).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/secret") && message.contains("innkeeper init"));
    }
}
