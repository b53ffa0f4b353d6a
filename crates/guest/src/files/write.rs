//! Files written all at once: whoever looks sees the old file or the new one, whenever the power
//! fails.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::AsFd,
};

use rustix::{
    fs::{
        AtFlags, Gid, Mode, OFlags, Stat, Uid, XattrFlags, fchmod, fchown, fgetxattr, fsetxattr,
        fsync, openat, renameat, unlinkat,
    },
    io::Errno,
};

use super::{FileError, Place};

/// The name of a file that is not complete. One name per directory, so that what a power failure
/// left is replaced by the next run.
const INCOMPLETE: &str = ".innkeeper-guest.new";

/// The attribute by which SELinux knows what a file is for.
const SELINUX: &str = "security.selinux";

/// Longest label of SELinux that is carried over.
const SELINUX_BYTES_MAX: usize = 4096;

/// Whose a file is, and what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owned {
    /// Permissions.
    pub(crate) mode: u32,
    /// The user's number.
    pub(crate) uid: u32,
    /// The group's number.
    pub(crate) gid: u32,
}

impl Owned {
    /// Root's.
    pub(crate) const fn new(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0 }
    }

    /// As an existing file has it, without set-user-id and the like.
    pub(crate) const fn like(stat: &Stat) -> Self {
        Self { mode: stat.st_mode & 0o777, uid: stat.st_uid, gid: stat.st_gid }
    }
}

impl Place {
    /// Writes the file. One that is there is replaced, and must be a file.
    pub(crate) fn write(&self, contents: &[u8], owned: Owned) -> Result<(), FileError> {
        self.replaceable()?;
        let failed = |e: io::Error| FileError::system("write", self.path(), e);
        remove_incomplete(self).map_err(|e| failed(e.into()))?;
        let written = self.write_incomplete(contents, owned).and_then(|()| {
            Ok(renameat(self.directory(), INCOMPLETE, self.directory(), self.name())?)
        });
        if let Err(error) = written {
            // Removing it is an attempt: the error that matters is the first one.
            let _ = remove_incomplete(self);
            return Err(failed(error));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match openat(self.directory(), ".", flags, Mode::empty()).and_then(fsync) {
            // File systems without this write names in their own time.
            Ok(()) | Err(Errno::INVAL | Errno::NOSYS) => Ok(()),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Writes the file; one that is there keeps its owner and mode, a new one is root's.
    pub(crate) fn write_or_replace(&self, contents: &[u8], mode: u32) -> Result<(), FileError> {
        let existing = self.replaceable()?;
        let owned = existing.map_or_else(|| Owned::new(mode), |stat| Owned::like(&stat));
        self.write(contents, owned)
    }

    fn write_incomplete(&self, contents: &[u8], owned: Owned) -> io::Result<()> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let private = Mode::from_raw_mode(0o600);
        let mut file = File::from(openat(self.directory(), INCOMPLETE, flags, private)?);
        file.write_all(contents)?;
        fchown(&file, Some(Uid::from_raw(owned.uid)), Some(Gid::from_raw(owned.gid)))?;
        fchmod(&file, Mode::from_raw_mode(owned.mode))?;
        copy_selinux_label(self, &file);
        file.sync_all()
    }
}

fn remove_incomplete(place: &Place) -> Result<(), Errno> {
    match unlinkat(place.directory(), INCOMPLETE, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

/// A replaced file keeps its label. An attempt: most file systems and kernels have none.
fn copy_selinux_label(place: &Place, to: &File) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(from) = openat(place.directory(), place.name(), flags, Mode::empty()) else {
        return;
    };
    let mut label = vec![0; SELINUX_BYTES_MAX];
    let Ok(len) = fgetxattr(from.as_fd(), SELINUX, &mut label[..]) else {
        return;
    };
    if let Some(label) = label.get(..len) {
        let _ = fsetxattr(to, SELINUX, label, XattrFlags::empty());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    };

    use super::*;
    use crate::files::{Missing, Root};

    #[test]
    fn a_replaced_file_keeps_its_mode_and_owner() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o4640)).unwrap();
        std::os::unix::fs::chown(&file, Some(12), Some(34)).unwrap();
        let root = Root::open(directory.path()).unwrap();
        root.place("/file", Missing::Refuse).unwrap().write_or_replace(b"new", 0o644).unwrap();
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
        assert_eq!((metadata.uid(), metadata.gid()), (12, 34));
    }

    #[test]
    fn only_files_are_replaced() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("directory")).unwrap();
        symlink("/etc/passwd", directory.path().join("link")).unwrap();
        let root = Root::open(directory.path()).unwrap();
        for (name, what) in [("/directory", "a directory"), ("/link", "a symbolic link")] {
            let place = root.place(name, Missing::Refuse).unwrap();
            let error = place.write(b"x", Owned::new(0o644)).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(!directory.path().join(INCOMPLETE).exists());
    }

    #[test]
    fn what_an_earlier_run_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(INCOMPLETE), "half").unwrap();
        let root = Root::open(directory.path()).unwrap();
        root.place("/file", Missing::Refuse).unwrap().write(b"all", Owned::new(0o600)).unwrap();
        assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"all");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
