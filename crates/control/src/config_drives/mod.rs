//! Config drives: kept with their instances, made for one answer, and made anew when instances
//! change.

mod error;
mod follower;
mod handlers;
mod keeping;
mod turns;

pub(crate) use error::ConfigDrivesError;
pub(crate) use handlers::{image, keep};
pub use keeping::{ConfigDrives, ConfigDrivesSetup};
