//! Server of the operator's REST API.
//!
//! Its router is made from the table of operations in `control-api`, so that it serves what the
//! OpenAPI document says and nothing else. On the Unix socket the file's permission decides who may
//! do what; on TCP a token does.

mod access;
mod config_drives;
mod failure;
mod guest;
mod hosts;
mod imported;
mod input;
mod instances;
mod resources;
mod router;
mod serve;
mod stored;
mod user_data;

pub use config_drives::{ConfigDrives, ConfigDrivesSetup};
pub use serve::Control;
