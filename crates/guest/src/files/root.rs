//! The file tree that is changed: the machine's own, or one below a directory.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, Mode, OFlags, fstat, mkdirat, open, openat, readlinkat},
    io::Errno,
};

use super::{FileError, Place};

/// Symbolic links in one path; as many as Linux follows.
const LINKS_MAX: usize = 40;

/// Bytes of one path; as many as Linux takes.
const PATH_BYTES_MAX: usize = 4096;

/// What is done about directories that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// They are made, mode 0755.
    Make,
    /// It is an error.
    Refuse,
}

/// The tree below which every path is looked up: neither `..` nor a symbolic link leaves it.
///
/// The walk is done here, one directory at a time, and not by `openat2`: guests of this day have
/// kernels without it, and it cannot tell whose a link is.
#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// Opens the tree at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(path, flags, Mode::empty())
            .map_err(|e| FileError::system("open the root", &path.to_string_lossy(), e))?;
        Ok(Self { directory, path: path.to_owned() })
    }

    /// Whether this is the tree that the machine runs from. If not, nothing but files is changed.
    pub(crate) fn is_live(&self) -> bool {
        self.path == Path::new("/")
    }

    /// Where the tree is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The place of an absolute path: its directory and its last name.
    pub(crate) fn place(&self, path: &str, missing: Missing) -> Result<Place, FileError> {
        check(path)?;
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let directory = self.walk(parent, path, missing)?;
        Ok(Place::new(directory, name.to_owned(), path.to_owned()))
    }

    /// The directory at an absolute path.
    pub(crate) fn directory(&self, path: &str, missing: Missing) -> Result<OwnedFd, FileError> {
        if path != "/" {
            check(path)?;
        }
        self.walk(path, path, missing)
    }

    /// Follows symbolic links that root placed. Those of others are refused: they could be
    /// pointed anywhere by the one who owns them.
    fn walk(&self, path: &str, whole: &str, missing: Missing) -> Result<OwnedFd, FileError> {
        let failed = |e| FileError::system("look up", whole, e);
        let root = || self.directory.try_clone().map_err(|e| FileError::system("open", "/", e));
        let mut at = vec![root()?];
        let mut names: Vec<String> = reversed(path);
        let mut links = 0;
        while let Some(name) = names.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    if at.len() > 1 {
                        at.pop();
                    }
                    continue;
                }
                _ => {}
            }
            let here = at.last().expect("the root is never popped").as_fd();
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let found = match openat(here, &*name, flags, Mode::empty()) {
                Err(Errno::NOENT) if missing == Missing::Make => {
                    mkdirat(here, &*name, Mode::from_raw_mode(0o755))
                        .map_err(|e| FileError::system("make a directory of", whole, e))?;
                    openat(here, &*name, flags, Mode::empty())
                }
                found => found,
            };
            let found = found.map_err(failed)?;
            let stat = fstat(&found).map_err(failed)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => at.push(found),
                FileType::Symlink if is_trusted(stat.st_uid) && links < LINKS_MAX => {
                    links += 1;
                    let target = readlinkat(&found, "", Vec::new()).map_err(failed)?;
                    let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
                    if target.starts_with('/') {
                        at.truncate(1);
                    }
                    names.extend(reversed(&target));
                }
                FileType::Symlink if links < LINKS_MAX => {
                    let reason = format!(
                        "leads through \"{}\", a symbolic link that belongs to user {}, not to \
                         root: it is not followed",
                        name.escape_debug(),
                        stat.st_uid
                    );
                    return Err(FileError::refused(whole, reason));
                }
                FileType::Symlink => return Err(failed(Errno::LOOP)),
                _ => {
                    let name = name.escape_debug();
                    let reason = format!("cannot be there: \"{name}\" in it is not a directory");
                    return Err(FileError::refused(whole, reason));
                }
            }
        }
        Ok(at.pop().expect("the root is never popped"))
    }
}

/// Whose links are followed: root's, and those of whoever runs this program.
fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

fn reversed(path: &str) -> Vec<String> {
    path.split('/').rev().map(str::to_owned).collect()
}

fn check(path: &str) -> Result<(), FileError> {
    let reason = if !path.starts_with('/') {
        "is not an absolute path: it must begin with \"/\""
    } else if path.len() > PATH_BYTES_MAX {
        "is too long for a path"
    } else if path.contains(|c: char| c.is_control()) {
        "has control characters in it"
    } else if path.split('/').any(|name| name == "..") {
        "climbs with \"..\": give the path that is meant"
    } else if path.ends_with('/') || path.ends_with("/.") {
        "is a directory, not a file"
    } else {
        return Ok(());
    };
    Err(FileError::refused(path, reason))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use proptest::prelude::*;

    use super::*;
    use crate::files::Owned;

    #[test]
    fn paths_that_are_no_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        for path in ["", "etc/motd", "/", "/etc/", "/a/../../b", "/a\0b", "/a\nb", "/..", "/a/."] {
            let error = root.place(path, Missing::Make).unwrap_err();
            assert!(matches!(error, FileError::Refused { .. }), "{path:?}: {error}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "something was made");
    }

    #[test]
    fn links_stay_within_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("tree");
        fs::create_dir_all(inside.join("run")).unwrap();
        symlink("/run", inside.join("absolute")).unwrap();
        symlink("../../../../run", inside.join("climbing")).unwrap();
        let root = Root::open(&inside).unwrap();
        for (link, name) in [("absolute", "a"), ("climbing", "b")] {
            let place = root.place(&format!("/{link}/{name}"), Missing::Refuse).unwrap();
            place.write(b"x", Owned::new(0o644)).unwrap();
            assert!(inside.join("run").join(name).exists(), "{link}");
        }
    }

    #[test]
    fn links_that_go_round_end() {
        let directory = tempfile::tempdir().unwrap();
        symlink("b", directory.path().join("a")).unwrap();
        symlink("a", directory.path().join("b")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let error = root.place("/a/file", Missing::Make).unwrap_err();
        assert!(error.to_string().contains("look up /a/file"), "{error}");
    }

    #[test]
    fn links_of_others_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        symlink("/etc", directory.path().join("mine")).unwrap();
        std::os::unix::fs::lchown(directory.path().join("mine"), Some(4242), None).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let error = root.place("/mine/shadow", Missing::Make).unwrap_err().to_string();
        assert!(error.contains("belongs to user 4242"), "{error}");
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_root(path in "[/.a-b\0]{0,24}") {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("tree")).unwrap();
            let root = Root::open(&directory.path().join("tree")).unwrap();
            if let Ok(place) = root.place(&path, Missing::Make) {
                let _ = place.write(b"x", Owned::new(0o644));
            }
            prop_assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }
}
