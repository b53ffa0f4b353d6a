//! A step that cannot be done because its document is wrong.

use super::{Machine, Outcome, Step, StepError};
use crate::state::State;

/// Fails with what is wrong.
#[derive(Debug)]
pub(super) struct Wrong {
    name: String,
    problem: String,
}

impl Wrong {
    pub(super) fn new(name: &str, problem: String) -> Self {
        Self { name: name.to_owned(), problem }
    }

    fn error(&self) -> StepError {
        StepError::Refused(self.problem.clone())
    }
}

impl Step for Wrong {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn plan(&self, _machine: &Machine<'_>) -> Result<Vec<String>, StepError> {
        Err(self.error())
    }

    fn apply(&self, _machine: &Machine<'_>, _state: &mut State) -> Result<Outcome, StepError> {
        Err(self.error())
    }
}
