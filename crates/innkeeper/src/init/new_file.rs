//! Making a file that is whole or not there, and never in place of another.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// What became of something that should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was missing and was made.
    Made,
    /// It was there and was left as it was.
    Kept,
}

/// Makes a file with this mode and content unless something has its name.
///
/// It is written under another name and linked into place, so that no crash leaves half a secret,
/// and two that do this at once do not get a secret each.
pub(super) fn make_file(path: &Path, mode: u32, content: &[u8]) -> anyhow::Result<Outcome> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(Outcome::Kept);
    }
    let unfinished = unfinished(path);
    let made = write(&unfinished, mode, content).and_then(|()| fs::hard_link(&unfinished, path));
    // It is either linked under its name by now or of no use.
    let _ = fs::remove_file(&unfinished);
    match made {
        Ok(()) => Ok(Outcome::Made),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Outcome::Kept),
        Err(error) => Err(error).with_context(|| format!("cannot make {}", path.display())),
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".unfinished-{}", std::process::id()));
    path.with_file_name(name)
}

fn write(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    // A file of this name can only be the remains of a process that had this id before.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn makes_once_with_its_mode_and_keeps_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shared_secret");
        assert_eq!(make_file(&path, 0o600, b"first").unwrap(), Outcome::Made);
        assert_eq!(make_file(&path, 0o600, b"second").unwrap(), Outcome::Kept);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_link_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        symlink(&target, &link).unwrap();
        assert_eq!(make_file(&link, 0o600, b"secret").unwrap(), Outcome::Kept);
        assert!(!target.exists());
    }

    #[test]
    fn a_directory_that_is_missing_is_named() {
        let error = make_file(Path::new("/nonexistent/secret"), 0o600, b"").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/secret"), "{error}");
    }
}
