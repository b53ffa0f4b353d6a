//! Bridges that interfaces are plugged into.

use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, netdevice::name_to_index, socket};

use crate::HypervisorError;

/// How long the host role may take to make the bridge of a network that it was just told of.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked for.
const POLL: Duration = Duration::from_millis(100);

/// Waits until this machine has the bridge: the host role makes a new network's at once.
pub async fn await_bridge(name: &str) -> Result<(), HypervisorError> {
    await_within(name, PATIENCE).await
}

async fn await_within(name: &str, patience: Duration) -> Result<(), HypervisorError> {
    let until = Instant::now() + patience;
    let missing = || HypervisorError::NoBridge { bridge: name.to_owned() };
    // Any socket of this network namespace can be asked; /sys may show another one.
    let asked = socket(AddressFamily::UNIX, SocketType::DGRAM, None).map_err(|_errno| missing())?;
    while name_to_index(&asked, name).is_err() {
        if Instant::now() >= until {
            return Err(missing());
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        await_within("lo", Duration::ZERO).await.expect("it is always there");
        for name in ["no-such-bridge", "../net/lo", "", "a-name-that-no-interface-can-have"] {
            let error = await_within(name, Duration::ZERO).await.expect_err(name).to_string();
            assert!(error.starts_with(&format!("there is no bridge {name} on")), "{error}");
        }
    }
}
