//! A guest of Debian's own making: systemd, cloud-init and what they need.

use std::path::{Path, PathBuf};

use crate::{
    LabError,
    guest_image::{
        apt::{Apt, release},
        cache::Cache,
        catalogue::{Catalogue, INSTALLED},
        initramfs, kernel, make, remove, write,
    },
    process::run,
};

/// What nobody reads in a guest that lives for a minute.
const LEFT_OUT: [&str; 4] =
    ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

const INIT: &str = include_str!("debian/init.sh");
const CUSTOMISE: &str = include_str!("debian/customise.sh");
const REPORT: &str = include_str!("debian/report.sh");

const DISK: &str = "disk.ext4";
const INITRAMFS: &str = "initramfs.cpio";

/// To be changed with what [`disk`] and [`install`] do.
const FORM: &str = "mmdebstrap minbase, ext4 without a journal, 2";

/// The disk's size: twice what is on it. What is empty takes no space.
const DISK_SIZE: &str = "600M";

/// A machine that boots Debian, lets cloud-init work, reports, and powers off.
#[derive(Debug, Clone)]
pub struct DebianGuest {
    /// Its kernel.
    pub kernel: PathBuf,
    /// Its first file system, which goes on to the disk.
    pub initramfs: PathBuf,
    /// Its disk. Many guests boot from it: nobody may write to it.
    pub disk: PathBuf,
}

impl DebianGuest {
    /// Makes a disk that is this one until it is written to, as qcow2.
    pub fn overlay(&self, to: &Path) -> Result<(), LabError> {
        let base = self.disk.to_string_lossy();
        let to = to.to_string_lossy();
        run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", &base, &to]).map(|_| ())
    }
}

/// Makes it, or finds it made.
pub(crate) fn guest(cache: &Cache, catalogue: &Catalogue) -> Result<DebianGuest, LabError> {
    let kernel = kernel::directory(cache, catalogue)?;
    let packages = catalogue.installed.iter();
    let versions: Vec<_> = packages.map(|p| format!("{}={}", p.name, p.version)).collect();
    let versions = versions.join(" ");
    let mut ingredients = initramfs::ingredients(catalogue, &kernel, INIT).to_vec();
    ingredients.extend([versions.as_bytes(), CUSTOMISE.as_bytes(), REPORT.as_bytes()]);
    ingredients.extend([DISK_SIZE.as_bytes(), FORM.as_bytes()]);
    let made = cache.get("debian", &ingredients, |at| {
        initramfs::write(cache, catalogue, &kernel, INIT, &at.join(INITRAMFS))?;
        disk(cache, catalogue, at)
    })?;
    Ok(DebianGuest {
        kernel: kernel.join(kernel::VMLINUZ),
        initramfs: made.join(INITRAMFS),
        disk: made.join(DISK),
    })
}

fn disk(cache: &Cache, catalogue: &Catalogue, directory: &Path) -> Result<(), LabError> {
    // Files of many owners, which only root can make.
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::NotRoot { what: "making a Debian guest" });
    }
    let work = directory.join("work");
    make(&work)?;
    let root = directory.join("root");
    let sources = catalogue.apt().sources();
    let sources = sources.or_else(|_| cache.refreshed_lists()?.sources())?;
    install(catalogue.apt(), &sources, &work, &root)?;
    let disk = directory.join(DISK).to_string_lossy().into_owned();
    let root_path = root.to_string_lossy();
    let fast = "lazy_itable_init=1,nodiscard";
    let options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-L", "guest-root"];
    let rest = ["-E", fast, "-d", &root_path, &disk, DISK_SIZE];
    run("mke2fs", options.iter().chain(&rest))?;
    remove(&work)?;
    remove(&root)
}

/// Whatever ends this thread ends all that it started: the next to try finds nobody at work where
/// it begins anew.
const ALONE: [&str; 10] = [
    "--pdeathsig",
    "KILL",
    "--",
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
];

fn install(apt: &Apt, sources: &[String], work: &Path, root: &Path) -> Result<(), LabError> {
    let customise = work.join("customise.sh");
    let report = work.join("report.sh");
    write(&customise, CUSTOMISE.as_bytes())?;
    write(&report, REPORT.as_bytes())?;
    let quoted = |path: &Path| format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"));
    let hook = format!("sh {} \"$1\" {}", quoted(&customise), quoted(&report));

    let mut args: Vec<_> = ALONE.iter().map(|&word| word.to_owned()).collect();
    args.extend(["mmdebstrap", "--quiet", "--variant=minbase"].map(str::to_owned));
    args.push(format!("--include={}", INSTALLED.join(",")));
    // Nothing is lost if this machine dies in between: the work is begun anew.
    args.push("--dpkgopt=force-unsafe-io".to_owned());
    args.extend(LEFT_OUT.iter().map(|path| format!("--dpkgopt=path-exclude={path}")));
    args.extend(apt.proxies()?.iter().map(|line| format!("--aptopt={line}")));
    args.push(format!("--customize-hook={hook}"));
    args.push(release()?);
    args.push(root.to_string_lossy().into_owned());
    args.extend(sources.iter().cloned());
    run("setpriv", &args).map(|_| ())
}
