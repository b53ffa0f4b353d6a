//! Ctrl-C. The first process of a process namespace is not ended by a signal that it does not
//! handle; when it ends, the kernel ends all others.

use std::{process, thread};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// As a shell says it of a program that SIGINT has ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Ends this process when it is told to, and with it everything that it has started.
pub(crate) fn end_when_told() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        #[allow(clippy::exit, reason = "what the main thread waits for is not to be waited for")]
        process::exit(EXIT_INTERRUPTED)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).context("start a thread")?;
    Ok(())
}
