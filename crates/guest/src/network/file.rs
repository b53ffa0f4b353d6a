//! Files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use super::NetworkError;

/// More than any file that is read here; a larger one is not what its name says.
const MOST_BYTES: u64 = 1 << 20;

/// Puts `content` at `path`, unless that is what is there. Folders are made as needed.
pub(super) fn write(path: &Path, content: &str, mode: u32) -> Result<(), NetworkError> {
    let is_there = fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o777 == mode);
    if is_there && read_roughly(path)?.as_deref() == Some(content) {
        return Ok(());
    }
    replace(path, content, mode).map_err(failed("write", path))
}

/// The file's text, to be written back; `None` if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<String>, NetworkError> {
    let text = bytes(path).and_then(|bytes| {
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    text.map_err(failed("read", path))
}

/// The file's text, to be looked at: what is no text in it becomes something else.
pub(super) fn read_roughly(path: &Path) -> Result<Option<String>, NetworkError> {
    let bytes = bytes(path).map_err(failed("read", path))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Removes the file; one that is not there is removed already.
pub(super) fn remove(path: &Path) -> Result<(), NetworkError> {
    match fs::remove_file(path) {
        Err(error) if !is_absent(&error) => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Names in a folder; none if there is no folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, NetworkError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> NetworkError {
    let path = path.to_owned();
    move |source| NetworkError::File { doing, path: path.clone(), source }
}

fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(Some(bytes))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn replace(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    fs::create_dir_all(folder)?;
    // A dot in front: readers of whole folders pass such names over.
    let new = folder.join(format!(".{}.innkeeper-new", name.display()));
    match fs::remove_file(&new) {
        Err(error) if !is_absent(&error) => return Err(error),
        _ => {}
    }
    let result = fill(&new, content, mode).and_then(|()| fs::rename(&new, path));
    if result.is_err() {
        // The first error is the one to tell; that file harms nobody.
        let _ = fs::remove_file(&new);
    }
    result?;
    File::open(folder)?.sync_all()
}

fn fill(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}
