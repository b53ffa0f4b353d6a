//! Why there is no config drive.

use innkeeper_config_drive::ConfigDriveError;
use innkeeper_model::InstanceId;
use innkeeper_store::StoreError;
use innkeeper_vendor_data::VendorDataError;

/// Why a config drive could not be made, kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigDrivesError {
    /// Nobody to make it for.
    #[error("there is no instance {0}")]
    NoInstance(InstanceId),
    /// It is to have none.
    #[error(
        "instance {0} has no config drive: create it with `--config-drive true` (config_drive in \
         the request), or set config_drive.force in the configuration before its first launch; \
         `innkeeper config-drive build` makes an image of any instance"
    )]
    NotWanted(InstanceId),
    /// It is to have one, but none was made yet.
    #[error(
        "no config drive is kept for instance {0} yet: `innkeeper config-drive rebuild {0}` makes \
         one"
    )]
    NotKept(InstanceId),
    /// Too much is being done.
    #[error("too many config drives are being read at once: try again in a moment")]
    Busy,
    /// The kernel gives no random bytes.
    #[error("there are no random bytes for the config drive: {0}")]
    Entropy(getrandom::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vendor's services.
    #[error(transparent)]
    VendorData(#[from] VendorDataError),
    /// Making, keeping or reading it.
    #[error(transparent)]
    Drive(#[from] ConfigDriveError),
    /// A defect.
    #[error(
        "making a config drive panicked: please report this; the log of the control API says more"
    )]
    Panicked,
}
