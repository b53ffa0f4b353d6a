//! Puts config drives into machines of libvirt, Hyper-V and VMware.

mod error;
pub mod hyperv;
pub mod libvirt;
pub mod vsphere;

pub use error::HypervisorError;
pub use innkeeper_config_drive::Format;
