//! A machine that lies about who it is, on the tap that Innkeeper gave it: it gets nobody's document
//! but its own, its neighbours notice nothing, and what it says truly passes.
//!
//! The liar is one of two machines on a network. All of it happens behind a router and without one
//! at once, with the same addresses.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod around;
mod as_somebody_else;
mod forged;
mod lan;
mod own_traffic;

#[path = "../frames/mod.rs"]
mod frames;
#[path = "../tenants/mod.rs"]
mod tenants;
