//! Connections that wait in the kernel for their first bytes.
//!
//! As our proxy has them; said once more, since the limit has nothing of what it is to be a limit of.
#![allow(unsafe_code, reason = "an option of sockets that neither rustix nor the library has")]

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use libc::{IPPROTO_TCP, TCP_DEFER_ACCEPT, c_int, setsockopt, socklen_t};

/// How long they wait at most, in seconds; as long as ours do.
const SECONDS: c_int = 1;

/// Has the connections of a listener wait.
pub(super) fn defer(listener: &OwnedFd) -> io::Result<()> {
    let seconds = SECONDS;
    let length = socklen_t::try_from(size_of_val(&seconds)).map_err(io::Error::other)?;
    // SAFETY: the value is there for as long as the call takes, and as long as is said.
    let outcome = unsafe {
        setsockopt(
            listener.as_raw_fd(),
            IPPROTO_TCP,
            TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
