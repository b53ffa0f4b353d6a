//! This machine's namespaces, links and NAT: desired to actual.
//!
//! A [`Host`] is told which networks and routers to bring up and mends the difference between that
//! and what the kernel says is there. It may be run at any time, any number of times, and after a
//! crash at any point: a pass that finds nothing amiss changes nothing.
//!
//! Everything made here carries a mark (see [`marks`]); only what carries one is ever removed.

mod bridge;
mod config;
mod error;
mod follow;
mod host;
mod inside;
mod interior;
mod link;
pub mod marks;
mod namespace;
mod netlink;
mod nft;
mod pass;
mod plan;
mod removal;
mod report;
mod sysctl;
mod unshare;
mod veth;

pub use config::HostConfig;
pub use error::HostError;
pub use host::Host;
pub use report::{Change, Failure, HostStatus, ReconcileReport};
