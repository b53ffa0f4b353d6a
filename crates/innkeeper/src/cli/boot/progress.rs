//! What is being done, said on standard error while standard output is the result's.

use std::io::{self, Write as _};

use crate::cli::output::harmless;

/// Says that a step was done, or need not be. Standard error may be closed; the step is done.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
}
