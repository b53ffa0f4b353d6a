//! Leaving a network namespace for a new one.

#![allow(unsafe_code, reason = "unshare has only an unsafe wrapper")]

use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Moves the calling thread, and no other, into a new network namespace.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: the wrapper is unsafe for the sake of CLONE_FILES, which takes descriptors from
    // under other threads. CLONE_NEWNET touches no descriptor and no memory.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}
