//! A private libvirtd: its own configuration, machines and sockets, whatever the machine has of
//! libvirt's, and nothing of it left when it ends.

use std::{
    fs::{self, File},
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{LabError, Program, wait_until};

const INIT: &str = include_str!("libvirtd/init.sh");

/// How long libvirtd may take to listen: it asks every QEMU what it can do first.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest path of a Unix socket, in bytes, without the zero at its end.
const SOCKET_PATH_MAX: usize = 107;

/// libvirtd and virtlogd in mount and process namespaces of their own.
///
/// They and their machines end when this is dropped, and with the thread that started them,
/// whatever ends that.
#[derive(Debug)]
pub struct Libvirtd {
    directory: PathBuf,
    first_process: Child,
}

impl Libvirtd {
    /// Starts one that keeps all it has in `directory`, which must be there, and waits until it
    /// listens.
    ///
    /// Its machines run as root, who must be the caller, with files as they are: no owner is changed.
    pub fn start(directory: &Path) -> Result<Self, LabError> {
        // In a user namespace it cannot give up the groups that its machines must not have.
        if !rustix::process::geteuid().is_root() {
            return Err(LabError::NotRoot { what: "a private libvirtd" });
        }
        let directory = fs::canonicalize(directory).map_err(|e| file("find", directory, e))?;
        let socket = directory.join(SOCKET);
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            let source = io::Error::other("the path is too long for a socket");
            return Err(file("listen on", &socket, source));
        }
        prepare(&directory)?;
        let log = directory.join(LOG);
        let stderr = File::create(&log).map_err(|e| file("make", &log, e))?;
        let first_process = first_process(&directory)
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|source| LabError::Spawn { program: "setpriv".to_owned(), source })?;
        let mut libvirtd = Self { directory, first_process };
        libvirtd.await_socket()?;
        Ok(libvirtd)
    }

    /// Its URI for libvirt's clients, from outside of its namespaces.
    pub fn uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.directory.join(SOCKET).display())
    }

    /// Runs `virsh` with it to its end and gives its standard output.
    pub fn virsh(&self, args: &[&str]) -> Result<String, LabError> {
        let uri = self.uri();
        let connected = ["--quiet", "--connect", uri.as_str()];
        Program::new("virsh").run(connected.into_iter().chain(args.iter().copied()))
    }

    /// What libvirtd and virtlogd have said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join(LOG)).unwrap_or_default()
    }

    /// Ends libvirtd and every machine of it, and waits until they are gone.
    pub fn stop(mut self) -> Result<(), LabError> {
        self.end()?;
        Ok(())
    }

    fn await_socket(&mut self) -> Result<(), LabError> {
        let socket = self.directory.join(SOCKET);
        let first_process = &mut self.first_process;
        let waited = wait_until("libvirtd to listen", PATIENCE, || {
            UnixStream::connect(&socket).is_ok() || !matches!(first_process.try_wait(), Ok(None))
        });
        let ended = first_process.try_wait()?;
        if waited.is_ok() && ended.is_none() {
            return Ok(());
        }
        let status = ended.map_or_else(|| "it still runs".to_owned(), |status| status.to_string());
        Err(LabError::Failed {
            command: "a private libvirtd".to_owned(),
            message: format!("does not listen ({status}): {}", self.log()),
        })
    }

    fn end(&mut self) -> io::Result<()> {
        // The end of its standard input is its sign to end.
        drop(self.first_process.stdin.take());
        self.first_process.wait().map(|_| ())
    }
}

impl Drop for Libvirtd {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.end();
    }
}

const SOCKET: &str = "libvirt-sock";
const LOG: &str = "libvirtd.log";

/// Directories and configuration. Machines run as root, so that they can read what the tests
/// wrote; namespaces and control groups per machine would only be left behind.
fn prepare(directory: &Path) -> Result<(), LabError> {
    for name in ["etc", "lib", "log", "cache"] {
        let path = directory.join(name);
        fs::create_dir_all(&path).map_err(|e| file("make", &path, e))?;
    }
    write(
        &directory.join("etc/qemu.conf"),
        "user = \"root\"\n\
         group = \"root\"\n\
         dynamic_ownership = 0\n\
         remember_owner = 0\n\
         security_driver = \"none\"\n\
         security_default_confined = 0\n\
         namespaces = []\n\
         cgroup_controllers = []\n",
    )?;
    write(
        &directory.join("etc/libvirtd.conf"),
        &format!(
            "unix_sock_dir = \"{}\"\n\
             unix_sock_rw_perms = \"0700\"\n\
             auth_unix_ro = \"none\"\n\
             auth_unix_rw = \"none\"\n\
             log_outputs = \"2:stderr\"\n",
            directory.display()
        ),
    )
}

/// A process that is killed with its parent thread, and takes its namespaces' processes with it.
fn first_process(directory: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "unshare"]);
    command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "--", "sh", "-c", INIT, "sh"]).arg(directory);
    // Daemons live where an ordinary user's PATH does not look.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::piped());
    command
}

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).map_err(|e| file("write", path, e))
}

fn file(doing: &'static str, path: &Path, source: io::Error) -> LabError {
    LabError::File { doing, path: path.to_owned(), source }
}
