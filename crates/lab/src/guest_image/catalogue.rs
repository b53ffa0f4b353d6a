//! The packages that guests are made of, in the versions that apt would download.

use std::path::{Path, PathBuf};

use crate::{
    LabError,
    guest_image::{
        apt::{Apt, Package},
        cache::Cache,
    },
};

/// Depends on the current kernel for clouds, and is otherwise empty.
const KERNEL: &str = "linux-image-cloud-amd64";

/// One program that is all programs, and needs no library.
pub(crate) const BUSYBOX: &str = "busybox-static";

/// What a Debian guest has beside what Debian calls essential. The last two are what cloud-init
/// needs here without saying so: its cryptography library's own library, and `route`, which sets
/// the default route of networks in Debian's own form.
pub(crate) const INSTALLED: [&str; 11] = [
    "systemd-sysv",
    "udev",
    "kmod",
    "iproute2",
    "ifupdown",
    "isc-dhcp-client",
    "cloud-init",
    "ca-certificates",
    "procps",
    "python3-cffi-backend",
    "net-tools",
];

/// What apt knows of them.
#[derive(Debug)]
pub(crate) struct Catalogue {
    apt: Apt,
    /// The kernel.
    pub(crate) kernel: Package,
    /// busybox.
    pub(crate) busybox: Package,
    /// What a Debian guest has.
    pub(crate) installed: Vec<Package>,
}

impl Catalogue {
    /// By the machine's lists of packages if they know all of it, else by lists of our own, which
    /// are fetched if they were not before.
    pub(crate) fn current(cache: &Cache) -> Result<Self, LabError> {
        let lists = [Some(Apt::of_machine()), cache.fetched_lists()];
        let mut known = lists.into_iter().flatten().filter_map(|apt| Self::read(apt).ok());
        known.next().map_or_else(|| Self::refreshed(cache), Ok)
    }

    /// By lists of our own, fetched anew.
    pub(crate) fn refreshed(cache: &Cache) -> Result<Self, LabError> {
        Self::read(cache.refreshed_lists()?)
    }

    fn read(apt: Apt) -> Result<Self, LabError> {
        let named = [[KERNEL, BUSYBOX].as_slice(), &INSTALLED].concat();
        let mut packages = apt.candidates(&named)?.into_iter();
        let (Some(pointer), Some(busybox)) = (packages.next(), packages.next()) else {
            return Err(no_kernel("is not known"));
        };
        let name = pointer.dependency().ok_or_else(|| no_kernel("depends on no kernel"))?;
        let kernel = apt.candidates(&[name])?.pop().ok_or_else(|| no_kernel("has no kernel"))?;
        Ok(Self { apt, kernel, busybox, installed: packages.collect() })
    }

    /// apt, with the lists that this was read from.
    pub(crate) fn apt(&self) -> &Apt {
        &self.apt
    }

    /// Downloads a package into a directory. If the lists are too old to name a file that is still
    /// in the archive, then what newer lists name.
    pub(crate) fn download(
        &self,
        cache: &Cache,
        which: impl Fn(&Self) -> &Package,
        to: &Path,
    ) -> Result<PathBuf, LabError> {
        self.apt.download(which(self), to).or_else(|_| {
            let refreshed = Self::refreshed(cache)?;
            refreshed.apt.download(which(&refreshed), to)
        })
    }
}

fn no_kernel(why: &str) -> LabError {
    LabError::Failed { command: format!("apt-cache show {KERNEL}"), message: why.to_owned() }
}
