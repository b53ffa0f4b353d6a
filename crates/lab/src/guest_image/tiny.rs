//! The tiny guest: a kernel, its modules, busybox, and what a test brings along.

use std::path::{Path, PathBuf};

use crate::{
    LabError,
    guest_image::{
        cache::Cache, catalogue::Catalogue, cpio::Archive, file, initramfs, kernel, read, write,
    },
};

const INIT: &str = include_str!("tiny/init.sh");
const DHCP: &str = include_str!("tiny/dhcp.sh");
const INITRAMFS: &str = "initramfs.cpio";

/// A machine that loads its modules, runs what it was given, reports, and powers off.
#[derive(Debug, Clone)]
pub struct TinyGuest {
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its first and only file system.
    pub initramfs: PathBuf,
}

/// Something a test puts into the tiny guest.
#[derive(Debug, Clone)]
pub struct Brought {
    /// Where, without a slash at the beginning. `guest/run` is what the guest runs.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl TinyGuest {
    /// Writes a first file system with more in it: what the guest shall run, and with what.
    pub fn bring(&self, brought: &[Brought], to: &Path) -> Result<(), LabError> {
        // The kernel takes several archives, one after the other.
        let mut archive = Archive::new(read(&self.initramfs)?);
        let added =
            brought.iter().try_for_each(|one| archive.file(&one.path, one.mode, &one.content));
        let whole = added.and_then(|()| archive.finish());
        let whole = whole.map_err(|source| file("write", to, source))?;
        write(to, &whole)
    }
}

impl Brought {
    /// A program or script at `path`.
    pub fn program(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.to_owned(), mode: 0o755, content: content.into() }
    }

    /// What busybox's DHCP client is to run (`udhcpc -s /guest/dhcp`). It applies what it is told, by
    /// RFC 3442: with option 121, the router of option 3 is nobody.
    pub fn dhcp_script() -> Self {
        Self::program("guest/dhcp", DHCP)
    }

    /// Data at `path`.
    pub fn data(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.to_owned(), mode: 0o644, content: content.into() }
    }
}

/// Makes it, or finds it made.
pub(crate) fn guest(cache: &Cache, catalogue: &Catalogue) -> Result<TinyGuest, LabError> {
    let kernel = kernel::directory(cache, catalogue)?;
    let made = cache.get("tiny", &initramfs::ingredients(catalogue, &kernel, INIT), |at| {
        initramfs::write(cache, catalogue, &kernel, INIT, &at.join(INITRAMFS))
    })?;
    Ok(TinyGuest { kernel: kernel.join(kernel::VMLINUZ), initramfs: made.join(INITRAMFS) })
}
