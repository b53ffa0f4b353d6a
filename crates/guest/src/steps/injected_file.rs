//! A file that somebody gave the instance.

use super::{Machine, Outcome, Step, StepError};
use crate::{documents::Injected, files::Missing, state::State};

/// The mode of a file that was not there.
const MODE: u32 = 0o644;

/// Places one file.
#[derive(Debug)]
pub(super) struct InjectedFile {
    file: Injected,
}

impl InjectedFile {
    pub(super) const fn new(file: Injected) -> Self {
        Self { file }
    }

    fn contents(&self) -> Result<&[u8], StepError> {
        self.file.contents.as_deref().map_err(|problem| StepError::Refused(problem.clone()))
    }
}

impl Step for InjectedFile {
    fn name(&self) -> String {
        format!("file {}", self.file.path.escape_debug())
    }

    fn plan(&self, machine: &Machine<'_>) -> Result<Vec<String>, StepError> {
        let contents = self.contents()?;
        let (path, len) = (&self.file.path, contents.len());
        let existing = match machine.root.place(path, Missing::Refuse) {
            Ok(place) => place.replaceable()?,
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error.into()),
        };
        Ok(vec![match existing {
            Some(stat) => format!(
                "replace {path} ({len} bytes; it keeps mode {:04o} and owner {}:{})",
                stat.st_mode & 0o777,
                stat.st_uid,
                stat.st_gid
            ),
            None => format!("write {path} ({len} bytes, mode {MODE:04o}, owner 0:0)"),
        }])
    }

    fn apply(&self, machine: &Machine<'_>, _state: &mut State) -> Result<Outcome, StepError> {
        let contents = self.contents()?;
        let place = machine.root.place(&self.file.path, Missing::Make)?;
        place.write_or_replace(contents, MODE)?;
        Ok(Outcome::Done(vec![format!("{} has {} bytes", place.path(), contents.len())]))
    }
}
