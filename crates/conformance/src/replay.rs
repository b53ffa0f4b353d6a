//! Runs the program once per configuration, asks what was recorded, and compares.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::Value;

use crate::{
    ConformanceError, Deviations, Plan, Report,
    compare::{Difference, difference},
    deviations::Circumstances,
    echo::Echo,
    exchange::ask,
    plan::{Asked, Stage},
    recording::Exchange,
    report::{Failure, Outcome},
    server::Server,
};

/// As many requests are under way at once, where their order does not matter.
const AT_ONCE: usize = 8;
/// How much of the program's log is told when a request fails.
const LOG_LINES_SHOWN: usize = 3;

/// What a replay needs besides its plan.
#[derive(Debug)]
pub struct Options<'a> {
    /// The program under test.
    pub innkeeper: PathBuf,
    /// What may differ.
    pub deviations: Deviations,
    /// Set by whoever wants the replay to end early.
    pub stop: &'a AtomicBool,
}

/// Replays a plan. `progress` is told what is being done.
pub fn run(
    plan: &Plan,
    options: &Options<'_>,
    mut progress: impl FnMut(&str),
) -> Result<Report, ConformanceError> {
    let echo = Echo::start()
        .map_err(ConformanceError::file("listen for dynamic vendor data at", "127.0.0.1"))?;
    let mut report = Report::new(&options.deviations, &plan.left_out);
    for (number, stage) in plan.stages.iter().enumerate() {
        let requests: usize = stage.files.iter().map(|file| file.exchanges.len()).sum();
        progress(&format!(
            "configuration {} ({} of {}): {} machines, {requests} requests",
            stage.configuration.name,
            number + 1,
            plan.stages.len(),
            stage.machines.len(),
        ));
        match Server::start(&options.innkeeper, &stage.configuration, echo.address()) {
            Ok(server) => stage.replay(&server, options, &mut report)?,
            Err(error @ ConformanceError::NotServing { .. }) => {
                stage.give_up(&error.to_string(), &mut report);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}

impl Stage {
    fn replay(
        &self,
        server: &Server,
        options: &Options<'_>,
        report: &mut Report,
    ) -> Result<(), ConformanceError> {
        let broken = self.import(server, report);
        let asked: Vec<(&Asked, &Exchange)> = self
            .files
            .iter()
            .flat_map(|file| file.exchanges.iter().map(move |exchange| (file, exchange)))
            .collect();
        let needs_broken = |file: &Asked| {
            broken.contains(&file.case) || (self.machines_are_named && !broken.is_empty())
        };
        let outcomes = in_parallel(if self.in_order { 1 } else { AT_ONCE }, &asked, |asked| {
            let (file, exchange) = *asked;
            if options.stop.load(Ordering::Relaxed) || needs_broken(file) {
                return Outcome::NotAsked;
            }
            outcome(server.address(), &options.deviations, file, exchange)
        });
        if options.stop.load(Ordering::Relaxed) {
            return Err(ConformanceError::Interrupted);
        }
        let failed = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Different(_)));
        for ((file, _), outcome) in asked.iter().zip(outcomes) {
            report.add(&file.case, outcome);
        }
        let log = server.log();
        if failed && !log.is_empty() {
            let last: Vec<&str> = log.lines().rev().take(LOG_LINES_SHOWN).collect();
            report.add_remark(format!(
                "the program's log in configuration {} ends with:\n{}",
                self.configuration.name,
                last.into_iter().rev().collect::<Vec<_>>().join("\n")
            ));
        }
        Ok(())
    }

    /// Gives the program its machines; names those that it did not take.
    fn import(&self, server: &Server, report: &mut Report) -> BTreeSet<String> {
        let mut broken = BTreeSet::new();
        for (case, folder) in &self.machines {
            let input = folder.join("input.json");
            let taken = server.command(&["import", &input.to_string_lossy()]);
            let taken = taken.map_err(|error| error.to_string());
            if let Err(problem) = taken.and_then(|_| self.add_to_provider(server, &input)) {
                report.add_problem(case, problem);
                broken.insert(case.clone());
            }
        }
        broken
    }

    fn add_to_provider(&self, server: &Server, input: &Path) -> Result<(), String> {
        let Some(provider) = self.provider else { return Ok(()) };
        for network in networks(input)? {
            let added = server.command(&["metadata-provider", "add", provider, &network]);
            added.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Takes note that the program does not serve this configuration.
    fn give_up(&self, problem: &str, report: &mut Report) {
        report
            .add_problem(&format!("configuration {}", self.configuration.name), problem.to_owned());
        for file in &self.files {
            for _ in &file.exchanges {
                report.add(&file.case, Outcome::NotAsked);
            }
        }
    }
}

fn outcome(
    address: SocketAddr,
    deviations: &Deviations,
    file: &Asked,
    exchange: &Exchange,
) -> Outcome {
    let Exchange { name, method, path, status, .. } = exchange;
    let Asked { case, configuration, .. } = file;
    let (difference, ours) = match ask(address, exchange) {
        Ok(answer) => (difference(exchange, &answer), Some(answer.status)),
        Err(error) => (Some(no_answer(exchange, &error)), None),
    };
    let Some(difference) = difference else { return Outcome::Equal };
    let of = Circumstances { case, configuration, method, path };
    match ours.and_then(|ours| deviations.excuse(of, *status, ours)) {
        Some(line) => Outcome::Excused(line),
        None => {
            let named = if name.is_empty() { String::new() } else { format!(" ({name})") };
            let request = format!("{case}, configuration {configuration}: {method} {path}{named}");
            Outcome::Different(Failure::Answer { request, difference })
        }
    }
}

fn no_answer(exchange: &Exchange, error: &std::io::Error) -> Difference {
    Difference {
        what: "whether there is an answer".to_owned(),
        nova: exchange.status.to_string(),
        ours: error.to_string(),
    }
}

/// The networks that a machine of an `input.json` is on.
fn networks(input: &Path) -> Result<BTreeSet<String>, String> {
    let text = fs::read(input).map_err(|error| format!("{}: {error}", input.display()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let vifs = value.get("network_info").and_then(Value::as_array);
    let ids = vifs.into_iter().flatten().filter_map(|vif| vif.pointer("/network/id")?.as_str());
    Ok(ids.map(str::to_owned).collect())
}

/// Does `work` with every item, on so many threads; the results are in the items' order.
fn in_parallel<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_their_items() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
        assert_eq!(in_parallel(8, &items, |item| item * 2), doubled);
        assert_eq!(in_parallel(1, &items, |item| item * 2), doubled);
    }
}
