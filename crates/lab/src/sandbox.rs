use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::process::CommandExt,
    path::Path,
    process::Command,
};

use rustix::mount::{MountFlags, mount, mount_bind};

use crate::{LabError, process::run};

/// Marks a process that is already inside.
const INSIDE: &str = "INSIDE_A_LAB";

/// Proof that this process is in namespaces of its own, with an empty `/run`.
#[derive(Debug)]
pub struct Sandbox(());

/// Whether this process was started by [`relaunch`].
pub fn inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// The command that starts `program` inside private namespaces: as root with the network and mount
/// namespaces alone, as anybody else with a user namespace around them.
pub fn relaunch<S: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount", "--propagation", "private", "--"]);
    command.arg(program).args(args).env(INSIDE, "1");
    command
}

impl Sandbox {
    /// Replaces this process by itself inside private namespaces, unless it is there already.
    ///
    /// Call it before any thread is started.
    pub fn enter() -> Result<Self, LabError> {
        if !inside() {
            let program = env::current_exe()?;
            let args: Vec<OsString> = env::args_os().skip(1).collect();
            let source = relaunch(&program, args).exec();
            return Err(LabError::Spawn { program: "unshare".to_owned(), source });
        }
        Self::prepare()
    }

    /// The same, in a process namespace too: whatever is started inside, daemons as well, ends with
    /// this process. Being the first of it, this process is not ended by a signal that it does not
    /// handle.
    ///
    /// Call it before any thread is started.
    pub fn enter_with_processes() -> Result<Self, LabError> {
        if !inside() {
            let program = env::current_exe()?;
            let own = ["--pid", "--fork", "--kill-child", "--mount-proc", "--"].map(OsString::from);
            let itself = [program.into_os_string()].into_iter().chain(env::args_os().skip(1));
            let source = relaunch(Path::new("unshare"), own.into_iter().chain(itself)).exec();
            return Err(LabError::Spawn { program: "unshare".to_owned(), source });
        }
        Self::prepare()
    }

    /// Makes the inside habitable: a `/run` of its own and a loopback interface.
    pub(crate) fn prepare() -> Result<Self, LabError> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        let tmpfs = mount("tmpfs", "/run", "tmpfs", flags, Some(c"mode=0755"));
        tmpfs.map_err(|e| LabError::NoNamespaces { message: format!("mount /run: {e}") })?;
        let netns = Path::new("/run/netns");
        fs::create_dir(netns).map_err(|source: io::Error| LabError::File {
            doing: "make",
            path: netns.to_owned(),
            source,
        })?;
        run("ip", ["link", "set", "lo", "up"])?;
        Ok(Self(()))
    }
}

/// Puts a copy in a directory's place, in this lab alone: programs write to the copy what they would
/// else write to this machine's own files, and it is gone with the lab.
pub fn write_to_copy_of(directory: &Path) -> Result<(), LabError> {
    let copy = Path::new("/run/copies").join(directory.strip_prefix("/").unwrap_or(directory));
    fs::create_dir_all(&copy).map_err(|source| LabError::File {
        doing: "make",
        path: copy.clone(),
        source,
    })?;
    // Not every user may read everything; what cannot be read is not needed.
    let _ = run("cp", [OsStr::new("-aT"), directory.as_os_str(), copy.as_os_str()]);
    mount_bind(&copy, directory).map_err(|source| LabError::File {
        doing: "put a copy in the place of",
        path: directory.to_owned(),
        source: source.into(),
    })
}
