//! VMware: the drive is uploaded to a datastore and put into a CD-ROM drive of the machine, as Nova
//! does it (Nova 34.0.0, `vmwareapi`): file `<instance id>/configdrive.iso`, connected at start, not
//! under the guest's control.

mod devices;
mod error;
mod soap;
mod transport;

use std::{
    fmt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use innkeeper_model::{InstanceId, Secret};

pub use self::error::VSphereError;
use self::{
    soap::{Reference, Text, child_text, property},
    transport::{DatastoreFile, Transport},
};

/// The file's name on the datastore, in a directory of the instance's.
const FILE_NAME: &str = "configdrive.iso";

/// How long a reconfiguration may take.
const TASK_TIMEOUT: Duration = Duration::from_secs(120);

/// How long to wait before a task is looked at again.
const TASK_POLL: Duration = Duration::from_millis(250);

/// Folders above a datacenter; more than that is a loop.
const DEPTH_MAX: usize = 32;

/// How to get into a vSphere server.
#[derive(Debug, Clone)]
pub struct Login {
    /// `https://HOST` or `https://HOST:PORT`, of a vCenter or an ESXi host.
    pub server: String,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// A PEM file with the authorities of the server's certificate; the public ones otherwise.
    pub authorities: Option<PathBuf>,
    /// Takes any certificate: for trials only.
    pub insecure: bool,
}

/// Which machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// The one whose instance UUID, or else BIOS UUID, is the instance's id. Nova sets it so.
    OfInstance,
    /// The one at this inventory path, for example `/DC0/vm/web1`.
    InventoryPath(String),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The file, as vSphere names it: `[datastore] path`.
    pub file: String,
    /// Whether the machine's hardware had to be changed.
    pub reconfigured: bool,
}

/// A session with a vSphere server.
pub struct VSphere {
    transport: Transport,
    content: ServiceContent,
}

/// The server's own objects.
struct ServiceContent {
    property_collector: Reference,
    session_manager: Reference,
    search_index: Reference,
    file_manager: Reference,
}

impl fmt::Debug for VSphere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VSphere").finish_non_exhaustive()
    }
}

impl VSphere {
    /// Logs in. This and everything below waits for the network: call it from a thread that may.
    pub fn log_in(login: &Login) -> Result<Self, VSphereError> {
        let mut transport = Transport::new(login)?;
        let instance = Reference::new("ServiceInstance", "ServiceInstance");
        let doing = "ask what the server is";
        let content =
            transport.call(doing, ("RetrieveServiceContent", &instance), "", |answer| {
                let value = answer.required()?;
                let object = |name| {
                    let node = soap::child(value, name);
                    node.and_then(Reference::read).ok_or_else(|| answer.missing(name))
                };
                Ok(ServiceContent {
                    property_collector: object("propertyCollector")?,
                    session_manager: object("sessionManager")?,
                    search_index: object("searchIndex")?,
                    file_manager: object("fileManager")?,
                })
            })?;
        let credentials = format!(
            "<userName>{}</userName><password>{}</password>",
            Text(&login.user),
            Text(login.password.expose())
        );
        let sessions = ("Login", &content.session_manager);
        transport.call("log in", sessions, &credentials, |_| Ok(()))?;
        Ok(Self { transport, content })
    }

    /// Uploads `iso` to `datastore` (that of the machine's own files otherwise) and puts it into a
    /// CD-ROM drive of the machine. What is as it should be already is left alone.
    pub fn attach(
        &mut self,
        instance: InstanceId,
        machine: &Machine,
        datastore: Option<&str>,
        iso: &[u8],
    ) -> Result<Attached, VSphereError> {
        let machine = self.find(instance, machine)?;
        let datastore = match datastore {
            Some(named) => named.to_owned(),
            None => self.own_datastore(&machine)?,
        };
        let (datacenter, path) = self.datacenter(&machine)?;
        let directory = format!("[{datastore}] {instance}");
        self.make_directory(&directory, &datacenter)?;
        let on_datastore = format!("{instance}/{FILE_NAME}");
        let file = DatastoreFile { datacenter: &path, datastore: &datastore, path: &on_datastore };
        self.transport.upload(&file, iso)?;
        let file = file.to_string();
        let reconfigured = self.reconfigure(&machine, &file)?;
        Ok(Attached { file, reconfigured })
    }

    /// Ends the session. A session that is not ended ends by itself after half an hour.
    pub fn log_out(mut self) -> Result<(), VSphereError> {
        let sessions = ("Logout", &self.content.session_manager.clone());
        self.transport.call("log out", sessions, "", |_| Ok(()))
    }

    fn find(&mut self, instance: InstanceId, machine: &Machine) -> Result<Reference, VSphereError> {
        let (method, tries, what) = match machine {
            Machine::InventoryPath(path) => {
                // The API's paths begin without the slash that people and tools put there.
                let path_there = Text(path.trim_start_matches('/'));
                let path_argument = format!("<inventoryPath>{path_there}</inventoryPath>");
                ("FindByInventoryPath", vec![path_argument], path.escape_debug().to_string())
            }
            Machine::OfInstance => {
                let by = |by_instance: bool| {
                    format!(
                        "<uuid>{instance}</uuid><vmSearch>true</vmSearch>\
                         <instanceUuid>{by_instance}</instanceUuid>"
                    )
                };
                ("FindByUuid", vec![by(true), by(false)], format!("with the UUID {instance}"))
            }
        };
        let index = self.content.search_index.clone();
        for arguments in tries {
            let found = self.transport.call(
                "find the machine",
                (method, &index),
                &arguments,
                |answer| Ok(answer.value().and_then(Reference::read)),
            )?;
            if let Some(found) = found.filter(|found| found.kind == "VirtualMachine") {
                return Ok(found);
            }
        }
        Err(VSphereError::NoMachine { what })
    }

    /// The datastore on which the machine's configuration is: `[name] path/machine.vmx`.
    fn own_datastore(&mut self, machine: &Reference) -> Result<String, VSphereError> {
        let name = "summary.config.vmPathName";
        let file = self.text_property("ask where the machine's files are", machine, name)?;
        let within = file.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let datastore = within.map(|(datastore, _)| datastore.to_owned());
        datastore.ok_or_else(|| VSphereError::Protocol {
            doing: "ask where the machine's files are",
            reason: format!("\"{}\" names no datastore", file.escape_debug()),
        })
    }

    /// The machine's datacenter and its inventory path, without the slash in front.
    fn datacenter(&mut self, machine: &Reference) -> Result<(Reference, String), VSphereError> {
        let doing = "find the machine's datacenter";
        let mut at = machine.clone();
        let mut found = None;
        let mut path: Vec<String> = Vec::new();
        for _ in 0..DEPTH_MAX {
            let parent = self.properties(doing, &at, &["parent"], |value| {
                property(value, "parent").and_then(Reference::read)
            })?;
            if at.kind == "Datacenter" {
                found = Some(at.clone());
            }
            // The root folder has a name too, but is no part of paths.
            let Some(parent) = parent else {
                let Some(found) = found else { break };
                path.reverse();
                return Ok((found, path.join("/")));
            };
            if found.is_some() {
                path.push(self.text_property(doing, &at, "name")?);
            }
            at = parent;
        }
        Err(VSphereError::Protocol { doing, reason: "it is in none".to_owned() })
    }

    fn make_directory(
        &mut self,
        directory: &str,
        datacenter: &Reference,
    ) -> Result<(), VSphereError> {
        let arguments = format!(
            "<name>{}</name>{}<createParentDirectories>true</createParentDirectories>",
            Text(directory),
            datacenter.element("datacenter")
        );
        let files = self.content.file_manager.clone();
        let doing = "make the drive's directory on the datastore";
        let made = self.transport.call(doing, ("MakeDirectory", &files), &arguments, |_| Ok(()));
        match made {
            Err(VSphereError::Refused { fault, .. }) if fault == "FileAlreadyExists" => Ok(()),
            made => made,
        }
    }

    fn reconfigure(&mut self, machine: &Reference, file: &str) -> Result<bool, VSphereError> {
        let name = "config.hardware.device";
        let change =
            self.properties("look at the machine's hardware", machine, &[name], |value| {
                property(value, name).map(|devices| devices::change(devices, file))
            })?;
        let change = change.ok_or_else(|| VSphereError::Protocol {
            doing: "look at the machine's hardware",
            reason: "it has none".to_owned(),
        })?;
        let change = change.ok_or(VSphereError::NoRoom)?;
        let Some(specification) = devices::specification(change, file) else { return Ok(false) };
        let doing = "put the drive into the machine";
        let call = ("ReconfigVM_Task", machine);
        let task = self.transport.call(doing, call, &specification, |answer| {
            Reference::read(answer.required()?).ok_or_else(|| answer.missing("task"))
        })?;
        self.wait(doing, &task)?;
        Ok(true)
    }

    fn wait(&mut self, doing: &'static str, task: &Reference) -> Result<(), VSphereError> {
        let deadline = Instant::now() + TASK_TIMEOUT;
        while Instant::now() < deadline {
            let outcome = self.properties(doing, task, &["info"], |value| {
                let info = property(value, "info")?;
                match child_text(info, "state") {
                    Some("success") => Some(Ok(())),
                    Some("error") => Some(Err(failure(doing, info))),
                    _ => None,
                }
            })?;
            if let Some(outcome) = outcome {
                return outcome;
            }
            thread::sleep(TASK_POLL);
        }
        Err(VSphereError::Slow { doing, seconds: TASK_TIMEOUT.as_secs() })
    }

    fn text_property(
        &mut self,
        doing: &'static str,
        of: &Reference,
        name: &str,
    ) -> Result<String, VSphereError> {
        let found = self.properties(doing, of, &[name], |value| {
            property(value, name).and_then(|value| value.text()).map(|text| text.trim().to_owned())
        })?;
        found.ok_or_else(|| VSphereError::Protocol { doing, reason: format!("no {name}") })
    }

    fn properties<T>(
        &mut self,
        doing: &'static str,
        of: &Reference,
        names: &[&str],
        read: impl FnOnce(roxmltree::Node<'_, '_>) -> T,
    ) -> Result<T, VSphereError> {
        let paths: String = names.iter().map(|name| format!("<pathSet>{name}</pathSet>")).collect();
        let arguments = format!(
            "<specSet><propSet><type>{}</type>{paths}</propSet><objectSet>{}</objectSet></specSet>\
             <options></options>",
            Text(&of.kind),
            of.element("obj")
        );
        let collector = self.content.property_collector.clone();
        let call = ("RetrievePropertiesEx", &collector);
        self.transport.call(doing, call, &arguments, |answer| Ok(read(answer.required()?)))
    }
}

fn failure(doing: &'static str, info: roxmltree::Node<'_, '_>) -> VSphereError {
    let error = soap::child(info, "error");
    let message = error.and_then(|error| child_text(error, "localizedMessage"));
    let fault = error.and_then(|error| soap::child(error, "fault")).map_or("", soap::type_of);
    soap::refused(doing, fault, message.unwrap_or("no reason").to_owned())
}
