//! The API as a whole, over a database in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests panic as tests do")]

mod harness;
mod identification;
mod identity;
mod kept;
mod password;
mod recorded;
mod vendor_data;
