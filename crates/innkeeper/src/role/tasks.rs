//! The tasks that make up a process, and how they end.

use std::{collections::HashMap, future::Future, pin::Pin};

use anyhow::anyhow;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// What is done when every task has ended.
type LastAct = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks of a process. Each runs until the stop and then drains; one that ends before ends the
/// process, so that whoever supervises it starts it again.
pub(super) struct Tasks {
    stop: CancellationToken,
    set: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
    listening: Vec<String>,
    last_acts: Vec<LastAct>,
}

impl Tasks {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self {
            stop,
            set: JoinSet::new(),
            names: HashMap::new(),
            listening: Vec::new(),
            last_acts: Vec::new(),
        }
    }

    /// Cancelled when the process is told to stop.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task that ends only after the stop.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let id = self.set.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Notes for the line that says "ready" where something listens.
    pub(super) fn listens(&mut self, on: impl Into<String>) {
        self.listening.push(on.into());
    }

    /// Everything that listens.
    pub(super) fn listening(&self) -> String {
        self.listening.join(", ")
    }

    /// Runs `act` when every task has ended.
    pub(super) fn finally(&mut self, act: impl Future<Output = ()> + Send + 'static) {
        self.last_acts.push(Box::pin(act));
    }

    /// Waits for the stop, then for all tasks to end. Says why the process ended without a stop.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        while let Some(ended) = self.set.join_next_with_id().await {
            let (id, ended) = match ended {
                Ok((id, ended)) => (id, ended),
                // What the panic said is in the log.
                Err(error) => (error.id(), Err(anyhow!("it panicked: please report this"))),
            };
            let name = self.names.get(&id).copied().unwrap_or("a task");
            let ended = match ended {
                Ok(()) if !self.stop.is_cancelled() => Err(anyhow!("it ended: please report this")),
                ended => ended,
            };
            if let Err(error) = ended {
                tracing::error!(task = name, "failed: {error:#}");
                result = result.and(Err(error.context(name)));
                self.stop.cancel();
            }
        }
        for act in self.last_acts {
            act.await;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn ends_after_the_stop_and_the_last_act() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let closed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&closed);
        tasks.finally(async move { seen.store(true, Ordering::SeqCst) });
        let told = tasks.stop();
        tasks.spawn("a listener", async move {
            told.cancelled().await;
            Ok(())
        });
        stop.cancel();
        tasks.run().await.unwrap();
        assert!(closed.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_task_that_dies_ends_the_process_by_name() {
        let mut tasks = Tasks::new(CancellationToken::new());
        let told = tasks.stop();
        tasks.spawn("a listener", async move {
            told.cancelled().await;
            Ok(())
        });
        tasks.spawn("the proxy", async { Ok(()) });
        let message = format!("{:#}", tasks.run().await.unwrap_err());
        assert!(message.starts_with("the proxy: it ended"), "{message}");
    }

    #[tokio::test]
    async fn a_panic_ends_the_process_in_order() {
        let mut tasks = Tasks::new(CancellationToken::new());
        let told = tasks.stop();
        tasks.spawn("a listener", async move {
            told.cancelled().await;
            Ok(())
        });
        tasks.spawn("the host", async { panic!("a defect") });
        let message = format!("{:#}", tasks.run().await.unwrap_err());
        assert!(message.starts_with("the host: it panicked"), "{message}");
    }
}
