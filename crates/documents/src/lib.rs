//! What a guest reads, as a pure function of its record; no I/O.
//!
//! One virtual tree, `path → file | directory`, holds every OpenStack and EC2 document of a
//! machine. The metadata service walks it one request at a time and a config drive writer walks the
//! same documents, so that nothing is rendered in two places; and only what is asked for is
//! rendered. Today's date and entropy are parameters.

mod block_device_mapping;
mod content;
mod date;
mod devices;
mod drive;
mod ec2;
mod injected_network;
mod json;
mod meta_data;
mod network_data;
mod openstack;
mod random_seed;
mod rendered;
mod settings;
mod skipped_version;
mod tree;
mod vendor_data;
mod version;

pub use content::{Entropy, File, MediaType};
pub use date::CivilDate;
pub use drive::{DriveContents, DriveError};
pub use json::encode as encode_json;
pub use rendered::Rendered;
pub use settings::{Settings, VendorDataProvider};
pub use skipped_version::{SkippedVersion, UnknownVersion};
pub use tree::{Child, Directory, Entry, GuestTree, root_listing};
pub use version::{Ec2Version, OpenStackVersion};
