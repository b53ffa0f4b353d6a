//! Which tree a config drive holds, how it is made and where it is kept.
//!
//! A drive is a pure function of the guest's record, the settings, a [`Recipe`] and a [`Seed`]: no
//! store, no network, no clock. Only [`Recipe::mkisofs_cmd`] starts a program, and only the
//! [`Shelf`] touches a disk.

mod build;
mod entropy;
mod error;
mod external;
mod hex;
mod recipe;
mod required;
mod shelf;

pub use build::{Built, build};
pub use entropy::Seed;
pub use error::ConfigDriveError;
pub use innkeeper_documents::{SkippedVersion, UnknownVersion};
pub use innkeeper_image::{Format, Image, UnknownFormat};
pub use recipe::{LABEL, Recipe, default_publisher};
pub use required::is_required;
pub use shelf::{Kept, Shelf};
