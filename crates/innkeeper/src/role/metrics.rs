//! `/healthz` and `/metrics` of a process.

use std::{net::SocketAddr, time::Duration};

use innkeeper_store::Store;
use innkeeper_wire::ops::Ops;
use prometheus_client::registry::Registry;
use tokio::{sync::watch, time::timeout};

use super::{Tasks, listen};

/// How often the database is looked at for `/healthz`: as often as anybody would ask.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// A database that takes longer to answer the smallest question is not well.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// What is wrong with a process, if anything is; looked at, not asked.
#[derive(Clone)]
pub(super) struct Health(Option<watch::Receiver<Option<String>>>);

impl Health {
    /// A process that is well as long as it answers.
    pub(super) const fn of_process() -> Self {
        Self(None)
    }

    /// A process that is well while its database answers.
    pub(super) fn of_store(store: Store, tasks: &mut Tasks) -> Self {
        let (sender, receiver) = watch::channel(None);
        let stop = tasks.stop();
        tasks.spawn("the check of the database", async move {
            loop {
                let wrong = match timeout(CHECK_TIMEOUT, store.check()).await {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_elapsed) => Some("the database does not answer".to_owned()),
                };
                sender.send_replace(wrong);
                let pause = tokio::time::sleep(CHECK_PAUSE);
                if stop.run_until_cancelled(pause).await.is_none() {
                    return Ok(());
                }
            }
        });
        Self(Some(receiver))
    }

    fn look(&self) -> Result<(), String> {
        let wrong = self.0.as_ref().and_then(|state| state.borrow().clone());
        wrong.map_or(Ok(()), Err)
    }
}

/// Serves health and metrics at `address`, the value of `key`, if there is one.
pub(super) fn serve(
    address: Option<SocketAddr>,
    key: &str,
    registry: Registry,
    health: Health,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    let Some(address) = address else { return Ok(()) };
    let listener = listen::tcp(address, key)?;
    tasks.listens(format!("http://{}/metrics", listener.local_addr()?));
    let stop = tasks.stop();
    let ops = Ops::new(registry, move || health.look());
    tasks.spawn("the metrics listener", async move {
        ops.serve(listener, stop).await;
        Ok(())
    });
    Ok(())
}
