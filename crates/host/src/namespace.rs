//! Named network namespaces, kept as `ip netns` keeps them: a file with the namespace bound to it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock, fstatfs},
    io::Errno,
    mount::{
        MountPropagationFlags, UnmountFlags, mount_bind, mount_bind_recursive, mount_change,
        unmount,
    },
};

use crate::{HostError, inside, marks, netlink::Netlink, unshare::unshare_network};

/// One namespace of the kernel, whatever its names: the device and inode of its file. Two that are
/// alive at once differ.
pub(crate) type NamespaceId = (u64, u64);

/// The file system type of namespace files (linux/magic.h).
const NSFS_MAGIC: u32 = 0x6e73_6673;

/// A namespace with a name, held by its file.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) file: File,
    pub(crate) id: NamespaceId,
}

/// The directory of named namespaces.
#[derive(Debug)]
pub(crate) struct Namespaces {
    directory: PathBuf,
    /// The directory that was made a shared mount, by device and inode.
    shared: Mutex<Option<(u64, u64)>>,
}

impl Namespaces {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, shared: Mutex::default() }
    }

    /// The namespace of this name, if it is there and is one.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Namespace>, HostError> {
        let path = self.path(name);
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(i32::from_ne_bytes(flags.bits().to_ne_bytes()))
            .open(&path);
        let doing = || format!("open namespace {}", path.display());
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| HostError::system(doing(), error))?,
        };
        let kind = fstatfs(&file).map_err(|error| HostError::system(doing(), error))?.f_type;
        let is_namespace = u32::try_from(kind).is_ok_and(|kind| kind == NSFS_MAGIC);
        let found = file.metadata().map_err(|error| HostError::system(doing(), error))?;
        let id = (found.dev(), found.ino());
        Ok(is_namespace.then(|| Namespace { name: name.to_owned(), file, id }))
    }

    /// Makes the namespace; a plain file left behind under its name is taken over.
    ///
    /// It is marked as ours and its loopback is up before it has a name.
    pub(crate) fn create(&self, name: &str) -> Result<Namespace, HostError> {
        self.prepare_directory()?;
        let path = self.path(name);
        let doing = format!("make namespace {}", path.display());
        let failed = |error: io::Error| HostError::system(&doing, error);
        let nofollow = i32::from_ne_bytes(OFlags::NOFOLLOW.bits().to_ne_bytes());
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o444)
            .custom_flags(nofollow)
            .open(&path)
            .map_err(failed)?;
        inside::on_thread(|| {
            unshare_network().map_err(failed)?;
            let netlink = Netlink::open()?;
            netlink.mark_and_raise_loopback(marks::NAMESPACE)?;
            mount_bind("/proc/thread-self/ns/net", &path).map_err(|error| failed(error.into()))
        })?;
        self.open(name)?.ok_or_else(|| HostError::Conflict {
            name: path.display().to_string(),
            reason: "is not a network namespace",
        })
    }

    /// Takes the name away; the namespace goes once nothing uses it.
    pub(crate) fn remove(&self, name: &str) -> Result<(), HostError> {
        let path = self.path(name);
        let failed =
            |error| HostError::system(format_args!("remove namespace {}", path.display()), error);
        match unmount(&path, UnmountFlags::DETACH) {
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
            Err(error) => return Err(failed(io::Error::from(error))),
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Every name in the directory that may be a router's or a network's namespace.
    pub(crate) fn names(&self) -> Result<Vec<String>, HostError> {
        let failed = |error| {
            HostError::system(format_args!("list directory {}", self.directory.display()), error)
        };
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string()
                && (name.starts_with("qrouter-") || name.starts_with("qdhcp-"))
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// What a name stands for: the namespace of this id, or anything else.
    pub(crate) fn id(&self, name: &str) -> Option<NamespaceId> {
        let found = fs::symlink_metadata(self.path(name)).ok()?;
        Some((found.dev(), found.ino()))
    }

    /// The file that a namespace of this name is bound to.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the directory, as a shared mount: other mount namespaces see what comes and goes.
    fn prepare_directory(&self) -> Result<(), HostError> {
        let path = self.directory.as_path();
        fs::DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(|error| {
            HostError::system(format_args!("make directory {}", path.display()), error)
        })?;
        self.share(path).map_err(|error| {
            HostError::system(format_args!("make {} a shared mount", path.display()), error)
        })
    }

    /// Once for each directory that there has been: the kernel looks at every namespace's mount.
    fn share(&self, path: &Path) -> io::Result<()> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let id = |found: fs::Metadata| (found.dev(), found.ino());
        if *shared != Some(id(fs::metadata(path)?)) {
            share_mount(path)?;
            // A mount that was bound to itself is the same directory still.
            *shared = Some(id(fs::metadata(path)?));
        }
        Ok(())
    }
}

fn share_mount(path: &Path) -> io::Result<()> {
    let shared = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    // `ip netns add` takes the same lock: two at once would mount the directory twice.
    let lock = File::open(path)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    match mount_change(path, shared) {
        // Not a mount point yet.
        Err(Errno::INVAL) => {
            mount_bind_recursive(path, path)?;
            mount_change(path, shared)?;
        }
        done => done?,
    }
    Ok(())
}
