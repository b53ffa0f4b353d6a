//! The clients in the field, as distributions ship them, read everything that the operator said.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod cloud_init;
mod ec2;
mod inside;
mod machine;
mod openstack;
mod session_tokens;

use std::path::Path;

use innkeeper_lab::{LabError, World};

fn world() -> Result<World, LabError> {
    World::new(Path::new(env!("CARGO_BIN_EXE_innkeeper")))
}
