use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use crate::{Guest, GuestPlan, LabError, Process, Program, Tap, wait_until};

/// An operator's world inside a lab: one configuration, the program, and what the operator makes
/// with its command line.
#[derive(Debug, Clone)]
pub struct World {
    program: Program,
    directory: PathBuf,
}

/// The roles as processes of their own.
#[derive(Debug)]
pub struct Roles {
    /// `innkeeper api`.
    pub api: Process,
    /// `innkeeper agent`.
    pub agent: Process,
    /// `innkeeper proxy`.
    pub proxy: Process,
    /// `innkeeper host`.
    pub host: Process,
}

/// A machine as the operator sees it, with what a hypervisor would need to plug it in.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The instance's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub project: String,
    /// Its first port's id.
    pub port: String,
    /// That port's MAC address.
    pub mac: String,
    /// That port's first address.
    pub address: String,
    /// That port's further addresses.
    pub more_addresses: Vec<String>,
    /// The network's id.
    pub network: String,
}

/// How long anything may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

impl World {
    /// A world whose configuration and database are in `/run/innkeeper` of this lab.
    pub fn new(executable: &Path) -> Result<Self, LabError> {
        Self::configured(executable, "")
    }

    /// The same, with further TOML at the end of the configuration.
    pub fn configured(executable: &Path, further: &str) -> Result<Self, LabError> {
        let directory = PathBuf::from("/run/innkeeper");
        make_directory(&directory)?;
        let configuration = directory.join("innkeeper.toml");
        write(&configuration, &(CONFIGURATION.to_owned() + further), 0o644)?;
        write(&directory.join("shared_secret"), "a-secret-of-this-lab-alone-0123456789\n", 0o600)?;
        let program = Program::new(executable)
            .with("INNKEEPER_CONFIG", &configuration.to_string_lossy())
            .with("INNKEEPER_CONTROL_SOCKET", "/run/innkeeper/control.sock");
        Ok(Self { program, directory })
    }

    /// The same world, with one more variable for every process.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.program = self.program.with(name, value);
        self
    }

    /// The program, as this world's operator runs it.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Where this world keeps its files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts a role, or `serve`, without waiting for it.
    pub fn start(&self, role: &str) -> Result<Process, LabError> {
        self.program.start([role], &self.directory.join(format!("{role}.log")))
    }

    /// Starts all roles in one process and waits until the operator is answered.
    pub fn serve(&self) -> Result<Process, LabError> {
        let process = self.start("serve")?;
        self.await_control(process)
    }

    /// Starts the roles as processes of their own and waits until the operator is answered.
    pub fn roles(&self) -> Result<Roles, LabError> {
        let api = self.await_control(self.start("api")?)?;
        let agent = self.start("agent")?;
        let proxy = self.start("proxy")?;
        let host = self.start("host")?;
        Ok(Roles { api, agent, proxy, host })
    }

    fn await_control(&self, mut process: Process) -> Result<Process, LabError> {
        let answered = wait_until("the control API to answer", PATIENCE, || {
            !process.is_running() || self.program.run(["project", "list"]).is_ok()
        });
        if answered.is_err() || !process.is_running() {
            return Err(LabError::Failed {
                command: "innkeeper".to_owned(),
                message: format!("did not come up: {}", process.log()),
            });
        }
        Ok(process)
    }

    /// Runs an operator's command of a project.
    pub fn operator(&self, project: &str, words: &str) -> Result<String, LabError> {
        self.program.run(words.split_whitespace().chain(["--project", project]))
    }

    /// The same, read as JSON.
    pub fn query(&self, project: &str, words: &str) -> Result<Value, LabError> {
        self.program.json(words.split_whitespace().chain([
            "--project",
            project,
            "--output",
            "json",
        ]))
    }

    /// Makes a project, with its flavor and a network of this range; the network is named `lan`.
    pub fn tenant(&self, project: &str, range: &str) -> Result<(), LabError> {
        self.program.run(["project", "create", project, "--id", project])?;
        let flavor = "flavor create m1.small --vcpus 1 --ram 512 --disk 1 --if-not-exists";
        self.operator(project, flavor)?;
        self.operator(project, &format!("network create lan --subnet {range}")).map(|_| ())
    }

    /// Makes a machine on a network of the project.
    pub fn machine(&self, project: &str, name: &str, network: &str) -> Result<Machine, LabError> {
        let words = format!("instance create {name} --network {network} --flavor m1.small");
        let instance = self.query(project, &words)?;
        self.describe(project, &instance)
    }

    /// What is known of an instance that the program printed.
    pub fn describe(&self, project: &str, instance: &Value) -> Result<Machine, LabError> {
        let id = text(instance, "/id")?;
        let ports = self.query(project, "port list")?;
        let port = ports
            .as_array()
            .into_iter()
            .flatten()
            .find(|port| port.pointer("/attachment/id").and_then(Value::as_str) == Some(&id));
        let port = port.ok_or_else(|| unexpected(&ports, "a port of the instance"))?;
        let fixed = port.pointer("/fixed_ips").and_then(Value::as_array);
        let more = fixed.into_iter().flatten().skip(1);
        Ok(Machine {
            name: text(instance, "/name")?,
            project: project.to_owned(),
            port: text(port, "/id")?,
            mac: text(port, "/mac_address")?,
            address: text(port, "/fixed_ips/0/ip_address")?,
            more_addresses: more.map(|one| text(one, "/ip_address")).collect::<Result<_, _>>()?,
            network: text(port, "/network_id")?,
            id,
        })
    }

    /// The address of a network's DHCP port.
    pub fn dhcp_address(&self, machine: &Machine) -> Result<String, LabError> {
        let ports = self.query(&machine.project, "port list")?;
        let is_dhcp = |port: &&Value| {
            port.pointer("/attachment/type").and_then(Value::as_str) == Some("dhcp")
                && port.pointer("/network_id").and_then(Value::as_str) == Some(&machine.network)
        };
        let port = ports.as_array().into_iter().flatten().find(is_dhcp);
        let port = port.ok_or_else(|| unexpected(&ports, "a DHCP port"))?;
        text(port, "/fixed_ips/0/ip_address")
    }

    /// Plugs a machine into its network as soon as the bridge is there; it reaches the metadata
    /// address by way of `via`.
    pub fn plug_in(&self, machine: &Machine, via: &str) -> Result<Guest, LabError> {
        let bridge = machine.bridge();
        await_link(&bridge)?;
        Guest::plug_in(&GuestPlan {
            name: &format!("{}-{}", machine.project, machine.name),
            bridge: &bridge,
            tap: &machine.tap(),
            mac: &machine.mac,
            address: &format!("{}/24", machine.address),
            via,
        })
    }

    /// Has Innkeeper make the machine's tap, as soon as there is a bridge to plug it into: its name.
    pub fn tap(&self, machine: &Machine) -> Result<String, LabError> {
        await_link(&machine.bridge())?;
        let printed = self.operator(&machine.project, &format!("port tap {}", machine.port))?;
        let tap = printed.trim().to_owned();
        if tap == machine.tap() {
            return Ok(tap);
        }
        Err(LabError::Failed {
            command: "innkeeper port tap".to_owned(),
            message: format!("printed {tap:?} and not the name {}", machine.tap()),
        })
    }

    /// Has Innkeeper remove it.
    pub fn untap(&self, machine: &Machine) -> Result<(), LabError> {
        self.operator(&machine.project, &format!("port untap {}", machine.port)).map(|_| ())
    }

    /// A machine's stand-in behind its tap, without addresses; and the tap, to send on it what no
    /// kernel would.
    pub fn behind_tap(&self, machine: &Machine) -> Result<(Guest, Arc<Tap>), LabError> {
        let tap = self.tap(machine)?;
        Guest::behind_tap(&format!("{}-{}", machine.project, machine.name), &tap, &machine.mac)
    }

    /// Waits until `guest` is answered at all.
    pub fn await_answer(&self, guest: &Guest) -> Result<(), LabError> {
        wait_until("the metadata address to answer", PATIENCE, || guest.get("/").is_ok())
    }
}

impl Machine {
    /// The interface on the host that its port is plugged in by, as Neutron names it.
    pub fn tap(&self) -> String {
        format!("tap{}", self.port.chars().take(11).collect::<String>())
    }

    /// The bridge that Innkeeper makes for the machine's network.
    pub fn bridge(&self) -> String {
        format!("brq{}", self.network.chars().take(11).collect::<String>())
    }
}

/// Waits until this lab has an interface of that name.
pub fn await_link(name: &str) -> Result<(), LabError> {
    wait_until(&format!("the interface {name}"), PATIENCE, || link_exists(name))
}

/// Whether this lab has an interface of that name.
pub fn link_exists(name: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(["link", "show", "dev", name]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn text(value: &Value, pointer: &str) -> Result<String, LabError> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| unexpected(value, pointer))
}

fn unexpected(value: &Value, wanted: &str) -> LabError {
    LabError::Failed {
        command: "innkeeper … --output json".to_owned(),
        message: format!("no {wanted} in {value}"),
    }
}

fn make_directory(path: &Path) -> Result<(), LabError> {
    match fs::create_dir(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => {
            Err(LabError::File { doing: "make", path: path.to_owned(), source: e })
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), LabError> {
    let written = fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    written.map_err(|source| LabError::File { doing: "write", path: path.to_owned(), source })
}

const CONFIGURATION: &str = r#"
[store]
path = "/run/innkeeper/innkeeper.db"
[secrets]
shared_secret_file = "/run/innkeeper/shared_secret"
[control]
socket = "/run/innkeeper/control.sock"
[agent]
socket = "/run/innkeeper/metadata_proxy"
[log]
format = "json"
"#;
