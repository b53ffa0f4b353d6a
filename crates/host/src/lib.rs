//! This machine's namespaces, links and NAT: desired to actual.
//!
//! A [`Host`] is told which networks and routers to bring up and mends the difference between that
//! and what the kernel says is there. It may be run at any time, any number of times, and after a
//! crash at any point: a pass that finds nothing amiss changes nothing.
//!
//! Everything made here carries a mark (see [`marks`]); only what carries one is ever removed.

mod addresses;
mod bridge;
mod config;
pub mod dhcp;
mod dhcp_service;
mod error;
mod follow;
mod host;
mod inside;
mod inspection;
mod interior;
mod keeper;
pub mod marks;
mod namespace;
mod netlink;
mod nftables;
mod outside;
mod pace;
mod pass;
mod plan;
mod removal;
mod report;
mod source;
mod sweep;
mod sysctl;
mod taps;
mod told;
mod unshare;
mod veth;
mod work;

pub use config::HostConfig;
pub use error::HostError;
pub use host::Host;
pub use inspection::{Inspection, Standing};
pub use keeper::{Keeper, keeping_process};
pub use report::{Change, Failure, HostStatus, ReconcileReport};
pub use source::NetworkSource;
pub use taps::{Tap, TapOwner};
