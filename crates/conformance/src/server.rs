//! The program under test, with a database of its own.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::OpenOptionsExt, net::UnixStream},
    path::Path,
    time::Duration,
};

use innkeeper_lab::{LabError, Process, Program, wait_for};
use tempfile::TempDir;

use crate::{ConformanceError, configuration::Configuration};

/// A debug build on a busy machine needs a second.
const START: Duration = Duration::from_secs(30);
/// A free port may be taken by others before the program listens on it.
const PORTS_TRIED: usize = 3;
/// Only the owner may read a secret.
const SECRET_MODE: u32 = 0o600;

/// A running `innkeeper api`; it and all its files are gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    operator: Program,
    process: Process,
    _directory: TempDir,
}

impl Server {
    /// Starts it with an empty database and waits until it serves.
    pub(crate) fn start(
        innkeeper: &Path,
        configuration: &Configuration,
        echo: SocketAddr,
    ) -> Result<Self, ConformanceError> {
        let mut said = String::new();
        for _ in 0..PORTS_TRIED {
            match Self::try_start(innkeeper, configuration, echo)? {
                Ok(server) => return Ok(server),
                Err(log) => said = log,
            }
            if !said.contains("cannot listen") {
                break;
            }
        }
        let message = said.trim().to_owned();
        Err(ConformanceError::NotServing { configuration: configuration.name.clone(), message })
    }

    /// Where agents ask it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs one of the operator's commands; gives its standard output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String, LabError> {
        self.operator.run(arguments)
    }

    /// What it has complained of.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Either the server, or what it said before it gave up.
    fn try_start(
        innkeeper: &Path,
        configuration: &Configuration,
        echo: SocketAddr,
    ) -> Result<Result<Self, String>, ConformanceError> {
        let made = tempfile::Builder::new().prefix("innkeeper-conformance-").tempdir();
        let directory = made.map_err(ConformanceError::file("make", std::env::temp_dir()))?;
        let address =
            free_address().map_err(ConformanceError::file("find a free port at", "127.0.0.1"))?;
        let toml = write_files(directory.path(), configuration, address, echo)?;
        let socket = directory.path().join("control.sock");
        let operator = Program::new(innkeeper)
            .with("INNKEEPER_CONFIG", &toml)
            .with("INNKEEPER_CONTROL_SOCKET", &socket.to_string_lossy());
        let mut process = operator.start(["api"], &directory.path().join("log"))?;
        let serves = wait_for("innkeeper api to serve", START, || {
            if !process.is_running() {
                return Some(false);
            }
            let open = TcpStream::connect(address).is_ok() && UnixStream::connect(&socket).is_ok();
            open.then_some(true)
        });
        if !matches!(serves, Ok(true)) {
            return Ok(Err(process.log()));
        }
        Ok(Ok(Self { address, operator, process, _directory: directory }))
    }
}

/// Writes what the program reads; gives the path of its configuration.
fn write_files(
    directory: &Path,
    configuration: &Configuration,
    address: SocketAddr,
    echo: SocketAddr,
) -> Result<String, ConformanceError> {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        let made = fs::File::options().write(true).create_new(true).mode(SECRET_MODE).open(&path);
        made.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(ConformanceError::file("write", &path))
    };
    write("shared_secret", configuration.shared_secret())?;
    if let Some(vendor_data) = configuration.vendor_data() {
        write("vendor_data.json", &vendor_data.to_string())?;
    }
    write("innkeeper.toml", &configuration.toml(directory, address, echo))?;
    Ok(directory.join("innkeeper.toml").to_string_lossy().into_owned())
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
