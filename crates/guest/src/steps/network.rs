//! The network: now, and for the next boot.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Machine, Outcome, Step, StepError};
use crate::{
    naming::await_names,
    network::{NetworkError, Plan, Renderer, interfaces},
    state::{Record, State},
};

/// What the step is called.
pub(super) const NAME: &str = "network";

/// Configures the network as `network_data.json` says.
#[derive(Debug)]
pub(super) struct Network {
    document: Value,
}

impl Network {
    pub(super) const fn new(document: Value) -> Self {
        Self { document }
    }

    fn plan(&self) -> Result<Plan, StepError> {
        Ok(Plan::new(&self.document, &interfaces()?)?)
    }
}

impl Step for Network {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn plan(&self, machine: &Machine<'_>) -> Result<Vec<String>, StepError> {
        if !machine.root.is_live() {
            return Ok(vec![later().to_owned()]);
        }
        Ok(self.plan()?.describe())
    }

    fn refusals(&self, machine: &Machine<'_>) -> Vec<String> {
        let plan = machine.root.is_live().then(|| self.plan().ok()).flatten();
        plan.iter().flat_map(Plan::refusals).map(ToString::to_string).collect()
    }

    fn apply(&self, machine: &Machine<'_>, _state: &mut State) -> Result<Outcome, StepError> {
        // The interfaces that the document names are those of the machine itself.
        if !machine.root.is_live() {
            return Ok(Outcome::Later(later().to_owned()));
        }
        await_names(machine.log);
        let plan = self.plan()?;
        if plan.describe().is_empty() {
            // What was written for an earlier instance would give this one its addresses.
            plan.persist(machine.root.path())?;
            return Ok(Outcome::Done(vec!["there is nothing to configure".to_owned()]));
        }
        let mut errors: Vec<StepError> =
            plan.refusals().iter().map(|r| StepError::Refused(r.to_string())).collect();
        let mut done = applied(&plan, &mut errors);
        let files = match plan.persist(machine.root.path()) {
            Ok(files) => files,
            Err(NetworkError::PartlyPersisted { written, refused }) => {
                errors.extend(refused.into_iter().map(StepError::Refused));
                written
            }
            Err(error) => {
                errors.push(error.into());
                Vec::new()
            }
        };
        let is_kept = !files.is_empty() && is_read_at_boot(machine.root.path());
        done.extend(files.iter().map(|file| format!("{} is written", file.display())));
        if !errors.is_empty() {
            // What works is told here: the error tells the rest only.
            done.iter().for_each(|line| machine.log.note(&format!("{NAME}: {line}")));
        }
        StepError::of_all(errors)?;
        if is_kept {
            return Ok(Outcome::Done(done));
        }
        done.push(
            "nothing that is enabled in the image reads that at boot: repeated then".to_owned(),
        );
        Ok(Outcome::DoneForBoot(done))
    }

    fn renew(
        &self,
        machine: &Machine<'_>,
        record: &Record,
    ) -> Result<Option<Vec<String>>, StepError> {
        let is_same_boot = record.boot.is_none() || record.boot == machine.boot;
        let root = machine.root;
        if is_same_boot || !root.is_live() || is_read_at_boot(root.path()) {
            return Ok(None);
        }
        await_names(machine.log);
        let plan = self.plan()?;
        let mut errors = Vec::new();
        let done = applied(&plan, &mut errors);
        StepError::of_all(errors).map(|()| Some(done))
    }
}

/// Applies the plan now and says what is in force.
fn applied(plan: &Plan, errors: &mut Vec<StepError>) -> Vec<String> {
    match plan.apply() {
        Ok(done) => done,
        Err(NetworkError::PartlyApplied { done, failed }) => {
            errors.extend(failed.into_iter().map(StepError::Refused));
            done
        }
        Err(error) => {
            errors.push(error.into());
            Vec::new()
        }
    }
}

/// Whether something of the image will read what is written for it. systemd-networkd is in images
/// that do not use it; what else is there is used.
fn is_read_at_boot(root: &Path) -> bool {
    match Renderer::detect(root) {
        None => false,
        Some(Renderer::Networkd) => {
            ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"]
                .iter()
                .filter_map(|directory| fs::read_dir(root.join(directory)).ok())
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|wants| wants.extension().is_some_and(|extension| extension == "wants"))
                .any(|wants| wants.join("systemd-networkd.service").symlink_metadata().is_ok())
        }
        Some(Renderer::NetworkManager | Renderer::Ifupdown) => true,
    }
}

const fn later() -> &'static str {
    "left to the machine itself, whose interfaces it is for"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files::Root, log::Log};

    #[test]
    fn a_plan_tells_what_it_would_refuse() {
        let step = Network::new(serde_json::json!({
            "links": [{"id": "l0", "type": "phy", "ethernet_mac_address": "02:00:00:00:00:ff"}],
            "networks": [],
            "services": [],
        }));
        let elsewhere = tempfile::tempdir().unwrap();
        for (path, refusals) in [(Path::new("/"), 1), (elsewhere.path(), 0)] {
            let root = Root::open(path).unwrap();
            let machine = Machine { root: &root, log: &Log::silent(), boot: None, is_early: false };
            assert_eq!(step.refusals(&machine).len(), refusals, "{}", path.display());
            assert_eq!(Step::plan(&step, &machine).unwrap().len(), 1);
        }
    }

    #[test]
    fn a_networkd_that_is_not_enabled_reads_nothing() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        assert!(!is_read_at_boot(root.path()));
        put("lib/systemd/systemd-networkd");
        put("etc/systemd/network/.keep");
        assert!(!is_read_at_boot(root.path()), "it is only there");
        put("usr/lib/systemd/system/multi-user.target.wants/systemd-networkd.service");
        assert!(is_read_at_boot(root.path()));
    }
}
