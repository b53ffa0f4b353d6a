//! What is applied, one step at a time. A step that fails leaves the others alone.

mod authorized_keys;
mod error;
mod host_name;
mod injected_file;
mod network;
mod root_password;
mod ssh_keys;
pub(crate) mod user_data;
mod user_data_kind;
mod wrong;

pub(crate) use error::StepError;

use crate::{
    documents::Documents,
    files::Root,
    log::Log,
    state::{Record, State},
};

/// The machine that is changed.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    /// Its files.
    pub(crate) root: &'a Root,
    /// Where notes go.
    pub(crate) log: &'a Log,
    /// Which boot this is, as the kernel names it.
    pub(crate) boot: Option<String>,
    /// Whether scripts are left to a later run.
    pub(crate) is_early: bool,
}

/// How a step ended that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done: this was done.
    Done(Vec<String>),
    /// It is done until the machine boots again.
    DoneForBoot(Vec<String>),
    /// It is not for this program.
    NotUnderstood(String),
    /// It is not to be done in this run, but in a later one.
    Later(String),
    /// There was nothing to do.
    Nothing,
}

/// Something that is applied once per instance.
pub(crate) trait Step {
    /// What it is called in the log and in the record.
    fn name(&self) -> String;

    /// What would be done, a line each. Nothing is changed.
    fn plan(&self, machine: &Machine<'_>) -> Result<Vec<String>, StepError>;

    /// What of the plan would fail while the rest is done, a line each. It is in the plan too.
    fn refusals(&self, _machine: &Machine<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Does it. Doing it again does no harm, unless the step notes its start in `state`.
    fn apply(&self, machine: &Machine<'_>, state: &mut State) -> Result<Outcome, StepError>;

    /// Does again what a reboot undid, for a step that was done in an earlier run. Returns what
    /// was done, if anything.
    fn renew(
        &self,
        _machine: &Machine<'_>,
        _record: &Record,
    ) -> Result<Option<Vec<String>>, StepError> {
        Ok(None)
    }
}

/// The steps for `documents`, in their order. The network comes before the files, so that an
/// injected file wins over what is written for the network; user data come last, and find
/// everything in place.
pub(crate) fn steps(documents: Documents, user: &str) -> Vec<Box<dyn Step>> {
    let Documents { instance, user_data, network_data, files, .. } = documents;
    let mut steps: Vec<Box<dyn Step>> = Vec::new();
    let mut add = |name: &str, step: Result<Option<Box<dyn Step>>, String>| match step {
        Ok(step) => steps.extend(step),
        Err(problem) => steps.push(Box::new(wrong::Wrong::new(name, problem))),
    };
    let host_name = instance
        .host_name()
        .map(|name| name.map(|name| Box::new(host_name::HostName::new(name)) as Box<dyn Step>));
    add(host_name::NAME, host_name);
    // Without keys too: those of an earlier instance of the image's are taken out.
    let keys = instance
        .keys()
        .map(|keys| Some(Box::new(ssh_keys::SshKeys::new(user, keys)) as Box<dyn Step>));
    add(ssh_keys::NAME, keys);
    let password = instance.admin_pass().map(|password| {
        password.map(|text| {
            Box::new(root_password::RootPassword::new(&instance.uuid, text)) as Box<dyn Step>
        })
    });
    add(root_password::NAME, password);
    let network = network_data.map(|document| {
        document.map(|document| Box::new(network::Network::new(document)) as Box<dyn Step>)
    });
    add(network::NAME, network);
    match files {
        Ok(files) => {
            for file in files {
                add("", Ok(Some(Box::new(injected_file::InjectedFile::new(file)))));
            }
        }
        Err(problem) => add("files", Err(problem)),
    }
    let uuid = instance.uuid;
    let user_data = user_data.map(|bytes| {
        let some = bytes.filter(|bytes| !bytes.is_empty());
        some.map(|bytes| Box::new(user_data::UserData::new(uuid, bytes)) as Box<dyn Step>)
    });
    add(user_data::NAME, user_data);
    steps
}
