//! All steps, one after the other, and what is said of them at the end.

use crate::{
    documents::Documents,
    state::{Progress, Record, State},
    steps::{Machine, Outcome, Step, StepError, steps},
};

/// How the steps went, by their names.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    applied: Vec<String>,
    before: Vec<String>,
    later: Vec<String>,
    not_understood: Vec<String>,
    failed: Vec<String>,
}

impl Summary {
    /// Whether nothing failed.
    pub(crate) const fn is_success(&self) -> bool {
        self.failed.is_empty()
    }

    /// Notes a failure outside the steps.
    pub(crate) fn fail(&mut self, what: String) {
        self.failed.push(what);
    }

    /// The last lines of the log.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (what, steps) in [
            ("applied", &self.applied),
            ("applied before", &self.before),
            ("left to a later run", &self.later),
            ("NOT UNDERSTOOD and not applied", &self.not_understood),
        ] {
            if !steps.is_empty() {
                lines.push(format!("summary: {what}: {}", steps.join(", ")));
            }
        }
        lines.extend(self.failed.iter().map(|what| format!("summary: FAILED: {what}")));
        if lines.is_empty() {
            lines.push("summary: there was nothing to apply".to_owned());
        }
        lines
    }
}

/// Applies what was not applied before.
pub(crate) fn apply(
    documents: Documents,
    user: &str,
    machine: &Machine<'_>,
    state: &mut State,
) -> Summary {
    let mut summary = Summary::default();
    for step in steps(documents, user) {
        let name = step.name();
        match state.of(&name).cloned() {
            Some(record) => renew(&*step, &name, &record, machine, state, &mut summary),
            None => apply_one(&*step, &name, machine, state, &mut summary),
        }
    }
    summary
}

/// What would be done, a line each.
pub(crate) fn plan(
    documents: Documents,
    user: &str,
    machine: &Machine<'_>,
    state: &State,
) -> (Vec<String>, Summary) {
    let (mut lines, mut summary) = (Vec::new(), Summary::default());
    for step in steps(documents, user) {
        let name = step.name();
        if let Some(record) = state.of(&name) {
            lines.push(format!("{name}: applied before, at {}", record.at));
            continue;
        }
        match step.plan(machine) {
            Ok(planned) => {
                lines.extend(planned.iter().map(|line| format!("{name}: {line}")));
                let refusals = step.refusals(machine);
                refusals.iter().for_each(|what| summary.fail(format!("{name}: {what}")));
            }
            Err(error) => {
                lines.push(format!("{name}: WOULD FAIL: {error}"));
                summary.fail(format!("{name}: {error}"));
            }
        }
    }
    (lines, summary)
}

fn apply_one(
    step: &dyn Step,
    name: &str,
    machine: &Machine<'_>,
    state: &mut State,
    summary: &mut Summary,
) {
    let note = |text: &str| machine.log.note(&format!("{name}: {text}"));
    match step.apply(machine, state) {
        Ok(Outcome::Done(lines)) => {
            lines.iter().for_each(|line| note(line));
            state.note(name, Progress::Done, None);
            summary.applied.push(name.to_owned());
        }
        Ok(Outcome::DoneForBoot(lines)) => {
            lines.iter().for_each(|line| note(line));
            state.note_for_boot(name, machine.boot.clone().unwrap_or_default());
            summary.applied.push(name.to_owned());
        }
        Ok(Outcome::Nothing) => return,
        Ok(Outcome::NotUnderstood(what)) => {
            note(&what);
            summary.not_understood.push(format!("{name} ({what})"));
            return;
        }
        Ok(Outcome::Later(what)) => {
            note(&what);
            summary.later.push(name.to_owned());
            return;
        }
        Err(error) => failed(name, &error, machine, summary),
    }
    if let Err(error) = state.save(machine.root) {
        failed(name, &StepError::File(error), machine, summary);
    }
}

fn renew(
    step: &dyn Step,
    name: &str,
    record: &Record,
    machine: &Machine<'_>,
    state: &mut State,
    summary: &mut Summary,
) {
    match step.renew(machine, record) {
        Ok(None) => {
            let ended = record.ended.as_ref().map(|ended| format!(" with {ended}"));
            summary.before.push(match record.progress {
                Progress::Done => name.to_owned(),
                Progress::Started => format!(
                    "{name} (begun at {} and ended{}; --force begins it again)",
                    record.at,
                    ended.unwrap_or_else(|| " nobody knows how".to_owned())
                ),
            });
        }
        Ok(Some(lines)) => {
            for line in &lines {
                machine.log.note(&format!("{name}: {line}"));
            }
            if let (Some(_), Some(boot)) = (&record.boot, &machine.boot) {
                state.note_for_boot(name, boot.clone());
                if let Err(error) = state.save(machine.root) {
                    failed(name, &StepError::File(error), machine, summary);
                }
            }
            summary.applied.push(format!("{name} (again, after a reboot)"));
        }
        Err(error) => failed(name, &error, machine, summary),
    }
}

fn failed(name: &str, error: &StepError, machine: &Machine<'_>, summary: &mut Summary) {
    let what = format!("{name}: {error}");
    machine.log.note(&what);
    summary.fail(what);
}
