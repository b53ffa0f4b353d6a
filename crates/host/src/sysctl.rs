//! Settings under /proc/sys/net, which are those of the calling thread's namespace.

use std::{fs, io, path::PathBuf};

use crate::HostError;

/// Sets `key` (`ipv4/ip_forward`) to `value`; true if it had another one.
///
/// A key that this kernel has not, such as those of IPv6 where that is off, needs no setting.
pub(crate) fn set(key: &str, value: &str) -> Result<bool, HostError> {
    let path = PathBuf::from("/proc/sys/net").join(key);
    let now = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        read => {
            read.map_err(|error| HostError::system(format_args!("read sysctl {key}"), error))?
        }
    };
    if now.trim_end() == value {
        return Ok(false);
    }
    fs::write(&path, value)
        .map_err(|error| HostError::system(format_args!("set sysctl {key} to {value}"), error))?;
    Ok(true)
}
