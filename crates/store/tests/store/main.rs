//! The store from outside: every rule that needs a database to be shown.

#![allow(clippy::panic, clippy::string_slice, reason = "a panic is how a test reports")]

mod allocation;
mod config_drives;
mod current;
mod deletion;
mod files;
mod generation;
mod guest_record;
mod hosts_ports;
mod import;
mod lookup;
mod metadata_provider;
mod overlap;
mod ownership;
mod random_ports;
mod revisions;
mod tokens;
mod topology;
mod uniqueness;
mod updates;
mod world;
