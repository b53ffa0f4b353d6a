//! An image that is written to a file: all of it or nothing, with holes for zeros.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use innkeeper_image::Image;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::cli::error::CliError;

/// A file that can be written or replaced.
#[derive(Debug)]
pub(super) struct Destination(PathBuf);

impl Destination {
    /// Refuses what is no file and what has no place: before anything is made for it.
    pub(super) fn new(path: &Path) -> Result<Self, CliError> {
        // A link is followed: the file that it names is replaced, and not the link.
        let path = match fs::canonicalize(path) {
            Ok(existing) => existing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(unwritable(path, &error)),
        };
        let destination = Self(path);
        let path = &destination.0;
        if let Ok(metadata) = fs::metadata(path) {
            let kind = metadata.file_type();
            let what = if kind.is_dir() {
                "it is a directory: name a file in it"
            } else if kind.is_block_device() || kind.is_char_device() {
                "it is a device: write a file first, and copy that with dd"
            } else if !kind.is_file() {
                "it is no file; - is standard output"
            } else {
                return Ok(destination);
            };
            return Err(unwritable(path, &what));
        }
        let directory = destination.directory();
        if !directory.is_dir() {
            let what = format!("there is no directory {}: make it first", directory.display());
            return Err(unwritable(path, &what));
        }
        Ok(destination)
    }

    /// Writes `bytes`, readable by their owner only: a drive carries passwords and keys.
    pub(super) fn write(&self, bytes: impl Into<Bytes>) -> Result<(), CliError> {
        let image = Image::from_bytes(bytes);
        let written = NamedTempFile::new_in(self.directory()).and_then(|file| {
            image.write_sparse(file.as_file())?;
            file.as_file().sync_all()?;
            file.persist(&self.0).map_err(|error| error.error)
        });
        written.map(drop).map_err(|error| unwritable(&self.0, &error))
    }

    /// The file that is written, after links.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn directory(&self) -> &Path {
        match self.0.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }
}

/// Writes to standard output, where there are no holes.
pub(super) fn write_to_standard_output(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// A SHA-256 as people compare it.
pub(super) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unwritable(path: &Path, cause: &impl std::fmt::Display) -> CliError {
    CliError::Unwritable { path: path.display().to_string(), cause: cause.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_written_whole_with_holes_and_for_its_owner() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("web1.img");
        let mut bytes = vec![0; 16 << 20];
        bytes[5_000_000] = 1;
        Destination::new(&path).expect("a place").write(bytes.clone()).expect("written");
        assert!(fs::read(&path).expect("read") == bytes);
        let metadata = fs::metadata(&path).expect("its metadata");
        assert_eq!(metadata.mode() & 0o777, 0o600);
        assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());

        let link = directory.path().join("link");
        symlink(&path, &link).expect("a link");
        Destination::new(&link).expect("a place").write(&b"anew"[..]).expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"anew");
        assert!(fs::symlink_metadata(&link).expect("its metadata").is_symlink());
        assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 2);
    }

    #[test]
    fn what_is_no_file_is_refused_before_anything_is_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let missing = directory.path().join("missing/web1.iso");
        for (path, said) in [
            (directory.path(), "it is a directory"),
            (Path::new("/dev/null"), "it is a device"),
            (missing.as_path(), "make it first"),
        ] {
            let error = Destination::new(path).expect_err("refused").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
