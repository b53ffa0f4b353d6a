//! Work inside a network namespace, on a thread that ends with the work.
//!
//! A thread that never goes back cannot stay in the wrong namespace by mistake, and a child process
//! that it starts is in the namespace too.

use std::{fs::File, os::fd::AsFd, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::HostError;

/// Runs `work` on a new thread in the namespace that `file` is bound to.
pub(crate) fn run<T: Send>(
    file: &File,
    name: &str,
    work: impl FnOnce() -> Result<T, HostError> + Send,
) -> Result<T, HostError> {
    on_thread(|| {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| HostError::system(format_args!("enter namespace {name}"), error))?;
        work()
    })
}

/// Runs `work` on a new thread whose namespace may be changed.
pub(crate) fn on_thread<T: Send>(
    work: impl FnOnce() -> Result<T, HostError> + Send,
) -> Result<T, HostError> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("host-netns".to_owned())
            .spawn_scoped(scope, work)
            .map_err(|error| HostError::system("start a thread", error))?
            .join()
            .unwrap_or(Err(HostError::Panicked))
    })
}
