//! Machines boot with what Innkeeper made for them: kernels that are not ours find the drives and
//! read them, and what runs in the machines takes what is on them. Or they have no drive, and find
//! the metadata address on the network that Innkeeper brought up.
//!
//! They are emulated, so each takes seconds, and Debian half a minute. `./x test` runs them last.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod bonding;
mod cloud_init;
mod cloud_init_by_network;
mod damaged;
mod drives;
mod guest_program;
mod ipv6_path;
mod metadata_path;
mod mounting;
mod plugged;
mod tiny_machine;
mod without_cloud_init;

#[path = "../installation/mod.rs"]
mod installation;
#[path = "../tenants/mod.rs"]
mod tenants;
