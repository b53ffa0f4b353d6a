//! Log lines of busy threads, written together.
//!
//! A thread that has many requests to answer writes their lines when it has answered all, before
//! it waits for more: one `write` for dozens of lines instead of one for each, which wakes whoever
//! reads them each time. A thread with little to do waits after each request, so that its lines
//! are there at once; so are those of anything that an operator has to know of. What is killed in
//! between loses the lines of that moment; what ends or panics does not.

use std::{
    cell::OnceCell,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that wait at most: some forty of them, which a thread writes within a millisecond
/// when it is so busy.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// The lines of one thread that are not written yet.
type Gathered = Arc<Mutex<Vec<u8>>>;

/// Of all threads that gather.
static ALL: Mutex<Vec<Weak<Mutex<Vec<u8>>>>> = Mutex::new(Vec::new());

thread_local! {
    /// Nothing in threads that never wait in a runtime: they write each line at once.
    static OWN: OnceCell<Gathered> = const { OnceCell::new() };
}

/// Writes the lines of the calling thread, which is about to wait. From the first time on the
/// thread's lines are gathered: it has to call this each time before it waits.
pub(crate) fn write_before_waiting() {
    // While a thread ends there is nothing to gather any more.
    let _ = OWN.try_with(|own| {
        let own = own.get_or_init(|| {
            let own = Gathered::default();
            let mut all = lock(&ALL);
            all.retain(|thread| thread.strong_count() > 0);
            all.push(Arc::downgrade(&own));
            own
        });
        write(&mut lock(own));
    });
}

/// Writes the lines of all threads: what there is to be written is written when this returns.
pub(crate) fn write_all() {
    let all: Vec<Gathered> = lock(&ALL).iter().filter_map(Weak::upgrade).collect();
    for thread in all {
        write(&mut lock(&thread));
    }
}

fn write(lines: &mut Vec<u8>) {
    if !lines.is_empty() {
        // There is nowhere to say that it failed.
        let _ = io::stderr().write_all(lines);
        lines.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here can be left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the lines of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GatheredLines {
    /// Whether the line, and those before it, are written at once.
    at_once: bool,
}

impl GatheredLines {
    /// Which takes lines of any importance.
    pub(crate) const fn new() -> Self {
        Self { at_once: false }
    }
}

impl<'a> MakeWriter<'a> for GatheredLines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Self {
        Self { at_once: *line.level() <= Level::WARN }
    }
}

impl Write for GatheredLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let gathered = OWN.try_with(|own| {
            let Some(own) = own.get() else { return false };
            let mut lines = lock(own);
            if lines.len() + line.len() > GATHERED_BYTES_MAX {
                write(&mut lines);
            }
            lines.extend_from_slice(line);
            if self.at_once {
                write(&mut lines);
            }
            true
        });
        if gathered != Ok(true) {
            io::stderr().write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
