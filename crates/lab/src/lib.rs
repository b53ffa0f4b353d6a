//! Throwaway networks with guests in them, for the demo, the tests and the benchmark; and real
//! machines, emulated, with the kernels and the programs of a distribution.
//!
//! A lab is a process in private network and mount namespaces, with a `/run` of its own. What it
//! makes there touches nothing of the machine's, and is gone with its last process, however that
//! ends. Guests there are network namespaces standing in for machines.
//!
//! [`GuestImages`] makes what real machines boot from and keeps it. [`Qemu`] boots one and gives its
//! report; [`Libvirtd`] is a libvirt of one's own, for who starts machines through libvirt.

mod error;
mod guest;
mod guest_image;
mod http;
mod isolated;
mod libvirtd;
mod process;
mod qemu;
mod recorder;
mod report;
mod sandbox;
mod tap;
mod wait;
mod world;

pub use error::LabError;
pub use guest::{Guest, GuestPlan, METADATA};
pub use guest_image::{Brought, DebianGuest, GuestImages, TinyGuest};
pub use http::{Reply, read_reply};
pub use isolated::isolated;
pub use libvirtd::Libvirtd;
pub use process::{Process, Program};
pub use qemu::{Boot, Bus, Qemu};
pub use recorder::{Recorded, Recorder};
pub use report::Report;
pub use sandbox::{Sandbox, inside, relaunch, write_to_copy_of};
pub use tap::Tap;
pub use wait::{wait_for, wait_until};
pub use world::{Machine, Roles, World, await_link, link_exists};
