//! Settings under /proc/sys/net, which are those of the calling thread's namespace.

use std::{fs, io, path::PathBuf};

use crate::HostError;

/// Whether `key` (`ipv4/ip_forward`) has another value than `value`.
///
/// A key that this kernel has not, such as those of IPv6 where that is off, needs no setting.
pub(crate) fn differs(key: &str, value: &str) -> Result<bool, HostError> {
    match fs::read_to_string(path(key)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        read => {
            let now =
                read.map_err(|error| HostError::system(format_args!("read sysctl {key}"), error))?;
            Ok(now.trim_end() != value)
        }
    }
}

/// Sets `key` to `value`; true if it had another one.
pub(crate) fn set(key: &str, value: &str) -> Result<bool, HostError> {
    let differs = differs(key, value)?;
    if differs {
        fs::write(path(key), value).map_err(|error| {
            HostError::system(format_args!("set sysctl {key} to {value}"), error)
        })?;
    }
    Ok(differs)
}

fn path(key: &str) -> PathBuf {
    PathBuf::from("/proc/sys/net").join(key)
}
