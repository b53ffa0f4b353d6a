//! DHCP as clients of other makes see it: ISC's dhclient and dhcpcd, as distributed, each in a
//! namespace standing in for a machine; and messages made by hand, on a machine's tap.
//!
//! What goes over the machine's card is recorded, and checked field by field.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod by_hand;
mod dhcpcd;
mod exchange;
mod isc_dhclient;
mod lan;

#[path = "../frames/mod.rs"]
mod frames;
#[path = "../tenants/mod.rs"]
mod tenants;
