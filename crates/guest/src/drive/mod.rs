//! The config drive: found by its label among the block devices, read without a mount.

mod block_devices;
mod config_drive;
mod search;

pub(crate) use block_devices::BlockDevices;
pub(crate) use config_drive::{ConfigDrive, DriveError};
pub(crate) use search::find;
