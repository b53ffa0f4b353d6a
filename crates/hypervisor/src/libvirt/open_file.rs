//! Which files programs have open: a machine that runs keeps the file that it opened, also if
//! another one has its name by now.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Whether some process has the file open that is at `path` now. `None` if that cannot be seen:
/// other users' processes are for root to look into.
pub fn is_open(path: &Path) -> Option<bool> {
    let file = fs::metadata(path).ok()?;
    let wanted = (file.dev(), file.ino());
    let mut everything_was_seen = true;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        if !process.file_name().to_string_lossy().starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        match has_open(process.path().join("fd"), wanted) {
            Ok(true) => return Some(true),
            Ok(false) => {}
            // It has ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => everything_was_seen = false,
        }
    }
    everything_was_seen.then_some(false)
}

fn has_open(descriptors: PathBuf, wanted: (u64, u64)) -> io::Result<bool> {
    let descriptors = fs::read_dir(descriptors)?;
    // Each link leads to the file itself, whatever its name was.
    let mut files = descriptors.flatten().filter_map(|one| fs::metadata(one.path()).ok());
    Ok(files.any(|file| (file.dev(), file.ino()) == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_apart_from_one_that_has_its_name_now() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("disk.config");
        fs::write(&path, "old").expect("written");
        let open = fs::File::open(&path).expect("open");
        assert_eq!(is_open(&path), Some(true));
        fs::write(directory.path().join("new"), "new").expect("written");
        fs::rename(directory.path().join("new"), &path).expect("renamed");
        assert_ne!(is_open(&path), Some(true), "the old one is open, not this one");
        drop(open);
    }
}
