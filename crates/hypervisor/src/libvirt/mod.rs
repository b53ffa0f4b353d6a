//! libvirt: machines of this host, each with its directory, its disks and its config drive.
//!
//! libvirt is spoken to by `virsh` and images are made by `qemu-img`. No argument goes through a
//! shell, every run has a time limit, and what `virsh` prints is read by an XML parser. Each step
//! is whole or not there at all, and finds out whether it was done before, so that a command that
//! was interrupted can be run again.

mod bridge;
mod description;
mod device;
mod directory;
mod disk_image;
mod domain;
#[cfg(test)]
mod domain_tests;
mod name;
mod open_file;
mod program;
mod virsh;
mod virt_type;
mod xml;

pub use bridge::await_bridge;
pub use description::{Description, PresentDisk};
pub use device::{Bus, Buses, Disk, Interface, Medium};
pub use directory::{InstanceDirectory, sha256_hex};
pub use disk_image::DiskImage;
pub use domain::{DirectBoot, Domain};
pub use name::{domain_name, other_domain_name};
pub use open_file::is_open;
pub use virsh::{Aspect, KnownDomain, Virsh, path_text};
pub use virt_type::VirtType;
