//! The rules of this crate, each set in a table of its own.
//!
//! They are written as text and set by the program `nft`, in one transaction; whether they are
//! there the kernel is asked directly. Starting a program costs milliseconds, asking the kernel
//! microseconds, and rules are looked at in every namespace again and again.

mod guard;
mod kernel;
mod message;
mod program;
mod router;
mod table;

pub(crate) use self::{
    guard::{Guard, GuardedTap},
    kernel::Rules,
    program::Nft,
    router::router_rules,
    table::Table,
};

/// The name of our tables.
const TABLE: &str = "innkeeper";
