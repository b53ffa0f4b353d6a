//! What a role's process is: its runtime, its limits and the signals that stop it.

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    gathered_lines,
    role::{self, Role},
};

/// Threads for work that blocks (making namespaces, opening the database): rare and short, so that
/// a few are enough, and a flood of it waits instead of taking a stack each.
const BLOCKING_THREADS_MAX: usize = 16;

/// Runs `role` until SIGTERM or SIGINT and until what it had begun is finished; a second signal
/// ends it at once.
pub(crate) fn run(role: Role, config: &Config) -> anyhow::Result<()> {
    raise_file_limit();
    let runtime = runtime(config).context("cannot start the threads of this process")?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let stop = CancellationToken::new();
        let mut running = std::pin::pin!(role::run(role, config, stop.clone()));
        tokio::select! {
            ended = &mut running => return ended,
            name = signals.next() => {
                tracing::info!(signal = name, "stopping: finishing what was begun");
                stop.cancel();
            }
        }
        tokio::select! {
            ended = &mut running => ended,
            name = signals.next() => bail!("stopped at once by a second signal, {name}"),
        }
    });
    // What still blocks is not waited for: everything that had to be finished is.
    runtime.shutdown_background();
    if ended.is_ok() {
        tracing::info!("stopped");
    }
    gathered_lines::write_all();
    ended
}

fn runtime(config: &Config) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .on_thread_park(gathered_lines::write_before_waiting)
        .on_thread_stop(gathered_lines::write_before_waiting);
    if let Some(threads) = config.runtime.worker_threads.fixed() {
        builder.worker_threads(threads);
    }
    builder.build()
}

/// Takes as many descriptors as the system lets this process have: each namespace needs one, each
/// request two.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) =
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, current = limit.current, "could not raise the limit of open files");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
