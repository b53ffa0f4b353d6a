//! Log lines, on standard error.

use std::{io, io::IsTerminal, panic};

use tracing_subscriber::fmt;

use crate::{
    config::{LogFormat, LogSection},
    gathered_lines::{self, GatheredLines},
    json_lines::JsonLines,
};

/// Sends every log line, and what a panic says, to standard error in the configured form.
pub(crate) fn start(log: &LogSection) {
    let lines = fmt()
        .with_env_filter(log.level.filter())
        .with_writer(GatheredLines::new())
        .with_ansi(io::stderr().is_terminal());
    // Only the first of a process counts, and there is no second.
    let _ = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.event_format(JsonLines).try_init(),
    };
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let said = said.unwrap_or("no message");
        tracing::error!(place, said, "a task panicked: this is a defect, please report it");
        gathered_lines::write_all();
    }));
}
