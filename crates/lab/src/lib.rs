//! Throwaway networks with guests in them, for the demo, the tests and the benchmark.
//!
//! A lab is a process in private network and mount namespaces, with a `/run` of its own. What it
//! makes there touches nothing of the machine's, and is gone with its last process, however that
//! ends. Guests are network namespaces standing in for machines.

mod error;
mod guest;
mod http;
mod isolated;
mod process;
mod sandbox;
mod wait;
mod world;

pub use error::LabError;
pub use guest::{Guest, GuestPlan};
pub use http::{Reply, read_reply};
pub use isolated::isolated;
pub use process::{Process, Program};
pub use sandbox::{Sandbox, inside, relaunch};
pub use wait::{wait_for, wait_until};
pub use world::{Machine, Roles, World, await_link, link_exists};
