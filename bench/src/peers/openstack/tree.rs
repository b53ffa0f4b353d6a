//! OpenStack's programs: packages of Debian 12 in a directory tree of their own. Nothing of it is
//! installed on this machine, and none of its services starts but by the benchmark.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use innkeeper_lab::Program;
use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive};

/// The release whose OpenStack is Zed.
const RELEASE: &str = "bookworm";
const SOURCES: [&str; 2] = [
    "deb http://deb.debian.org/debian bookworm main",
    "deb http://security.debian.org/debian-security bookworm-security main",
];
const PACKAGES: &str = "haproxy,mariadb-server,neutron-metadata-agent,neutron-plugin-ml2,\
                        neutron-server,nova-api,python3-nova,python3-pymysql,rabbitmq-server,\
                        uwsgi-core,uwsgi-plugin-python3";
/// Whose versions the report tells.
const TOLD: [&str; 6] =
    ["haproxy", "neutron-server", "nova-api", "rabbitmq-server", "mariadb-server", "uwsgi-core"];
/// There when the tree is whole; to be renamed with what is in the tree.
const WHOLE: &str = "whole-1";
/// What nobody reads.
const LEFT_OUT: [&str; 4] =
    ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

/// The tree.
#[derive(Debug)]
pub(in crate::peers) struct Tree {
    directory: PathBuf,
}

impl Tree {
    /// Makes it, or finds it made. Some 300 MB are downloaded, and 1.3 GB written; to be called where
    /// the archive can be reached.
    pub(in crate::peers) fn make(directory: &Path) -> anyhow::Result<Self> {
        let tree = Self { directory: directory.to_owned() };
        if directory.join(WHOLE).exists() {
            return Ok(tree);
        }
        ensure!(
            rustix::process::geteuid().is_root(),
            "OpenStack's programs have files of many owners: --openstack needs root"
        );
        if directory.exists() {
            fs::remove_dir_all(directory)
                .with_context(|| format!("remove what is left in {}", directory.display()))?;
        }
        fs::create_dir_all(directory)?;
        eprintln!("installing OpenStack into {}: some minutes", directory.display());
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        // What it mounts and starts is gone with it, however it ends.
        command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--"]);
        command.args(["mmdebstrap", "--quiet", "--variant=minbase"]);
        command.arg(format!("--include={PACKAGES}"));
        command.args(["--dpkgopt=force-unsafe-io", "--aptopt=Apt::Install-Recommends \"false\""]);
        command.args(proxies().iter().map(|line| format!("--aptopt={line}")));
        command.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
        command.arg("--customize-hook=echo 127.0.0.1 localhost >\"$1/etc/hosts\"");
        command.arg(RELEASE).arg(tree.root()).args(SOURCES);
        let status = command.status().context("run mmdebstrap; is it installed?")?;
        ensure!(status.success(), "mmdebstrap could not install OpenStack");
        fs::write(directory.join(WHOLE), "")?;
        Ok(tree)
    }

    fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// A file of the tree.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Where a database with its schemas is kept for the next run.
    pub(super) fn kept_database(&self) -> PathBuf {
        self.directory.join("database")
    }

    /// Gives the tree what programs need, in this lab alone.
    pub(super) fn enter_lab(&self) -> anyhow::Result<()> {
        let root = self.root();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("proc", root.join("proc"), "proc", flags, None).context("mount /proc")?;
        mount("tmpfs", root.join("tmp"), "tmpfs", flags, Some(c"mode=1777"))
            .context("mount /tmp")?;
        mount_bind_recursive("/dev", root.join("dev")).context("mount /dev")?;
        mount_bind("/run", root.join("run")).context("mount /run")?;
        Ok(())
    }

    /// A program of the tree.
    pub(super) fn program<const N: usize>(&self, words: [&str; N]) -> Program {
        let mut first = vec![self.root().to_string_lossy().into_owned()];
        first.extend(words.map(str::to_owned));
        Program::new("chroot").before(first)
    }

    /// A program of the tree that is to run in a network namespace.
    pub(super) fn program_in<const N: usize>(&self, namespace: &str, words: [&str; N]) -> Program {
        self.program(words).by_way_of("ip", ["netns", "exec", namespace])
    }

    /// The versions of what is measured.
    pub(super) fn versions(&self) -> anyhow::Result<String> {
        let query = self.program(["dpkg-query", "-W", "-f", "${Package} ${Version}, "]);
        let text = query.run(TOLD)?;
        Ok(text.trim_end_matches(", ").to_owned())
    }
}

/// This machine's way to the archive, as lines of an `apt.conf`; none, if it has no apt.
fn proxies() -> Vec<String> {
    let dumped = Command::new("apt-config").arg("dump").output();
    let dumped = dumped.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let is_proxy = |line: &&str| line.starts_with("Acquire::http") && line.contains("::Proxy");
    dumped.unwrap_or_default().lines().filter(is_proxy).map(str::to_owned).collect()
}
