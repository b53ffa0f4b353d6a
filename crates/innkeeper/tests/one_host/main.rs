//! One machine with more than Innkeeper on it: another Innkeeper, namespaces and links of somebody
//! else, an end at any moment, too few descriptors. What is not ours is left alone and told of, what
//! is ours is kept, and nobody else's service suffers.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod attached;
mod look;
mod mended;
mod others;

#[path = "../tenants/mod.rs"]
mod tenants;

use std::time::Duration;

/// How long a fault may last.
const BOUND: Duration = Duration::from_secs(5);
