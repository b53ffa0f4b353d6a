//! What was done for an instance, so that it is done once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    files::{FileError, Missing, Owned, Root},
    log::now,
};

/// Where it is kept.
pub(crate) const DIRECTORY: &str = "/var/lib/innkeeper-guest";

/// Bytes of a state that are read: more than a thousand injected files with the longest paths take.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The steps that were done for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    instance: String,
    steps: BTreeMap<String, Record>,
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Progress {
    /// It is done.
    Done,
    /// It was begun and must not be begun again: a script, of which nobody knows how far it came.
    Started,
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// How far it came.
    pub(crate) progress: Progress,
    /// When.
    pub(crate) at: String,
    /// The boot that it is good for, if a reboot undoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
    /// How it ended, if that is worth telling again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
}

impl State {
    /// Nothing done yet.
    pub(crate) fn new(instance: &str) -> Self {
        Self { instance: instance.to_owned(), steps: BTreeMap::new() }
    }

    /// What is recorded for `instance`, if anything is. The error is a damaged record.
    pub(crate) fn load(root: &Root, instance: &str) -> Result<Option<Self>, String> {
        let damaged = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path(instance));
        let place = match root.place(&path(instance), Missing::Refuse) {
            Ok(place) => place,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let Some((bytes, _)) = place.read(BYTES_MAX).map_err(|e| e.to_string())? else {
            return Ok(None);
        };
        let state: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(&e))?;
        if state.instance != instance {
            return Err(damaged(&"it is of another instance"));
        }
        Ok(Some(state))
    }

    /// Records it.
    pub(crate) fn save(&self, root: &Root) -> Result<(), FileError> {
        let text = serde_json::to_vec_pretty(self).expect("texts are always JSON");
        root.place(&path(&self.instance), Missing::Make)?.write(&text, Owned::new(0o600))
    }

    /// Takes the record of `instance` away: all has yet to be done, whatever comes in between.
    pub(crate) fn discard(root: &Root, instance: &str) -> Result<(), FileError> {
        match root.place(&path(instance), Missing::Refuse).and_then(|place| place.remove()) {
            Err(error) if error.is_missing() => Ok(()),
            removed => removed,
        }
    }

    /// What is known of a step.
    pub(crate) fn of(&self, step: &str) -> Option<&Record> {
        self.steps.get(step)
    }

    /// Notes how far a step came.
    pub(crate) fn note(&mut self, step: &str, progress: Progress, ended: Option<String>) {
        let record = Record { progress, at: now(), boot: None, ended };
        self.steps.insert(step.to_owned(), record);
    }

    /// Notes that a step is done, until the next boot.
    pub(crate) fn note_for_boot(&mut self, step: &str, boot: String) {
        self.note(step, Progress::Done, None);
        if let Some(record) = self.steps.get_mut(step) {
            record.boot = Some(boot);
        }
    }

    /// Forgets a step: it has yet to be done.
    pub(crate) fn forget(&mut self, step: &str) {
        self.steps.remove(step);
    }
}

fn path(instance: &str) -> String {
    format!("{DIRECTORY}/{instance}.json")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn what_is_saved_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        assert_eq!(State::load(&root, "a-1"), Ok(None));
        let mut state = State::new("a-1");
        state.note("user data", Progress::Started, Some("exit status 3".to_owned()));
        state.note_for_boot("network", "boot".to_owned());
        state.save(&root).unwrap();
        assert_eq!(State::load(&root, "a-1"), Ok(Some(state)));
        assert_eq!(State::load(&root, "a-2"), Ok(None));
        State::discard(&root, "a-2").unwrap();
        let file = directory.path().join("var/lib/innkeeper-guest/a-1.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        for damage in ["", "{", "{\"instance\": \"b\", \"steps\": {}}"] {
            fs::write(&file, damage).unwrap();
            assert!(State::load(&root, "a-1").is_err(), "{damage}");
        }
        State::discard(&root, "a-1").unwrap();
        assert_eq!(State::load(&root, "a-1"), Ok(None));
    }
}
