//! Making and removing taps.
//!
//! A tap is made down and marked; once what may come from it is guarded, the host role plugs it in
//! and brings it up.

use std::{
    thread,
    time::{Duration, Instant},
};

use innkeeper_model::{Port, PortId};

use crate::{
    HostError, bridge, marks,
    netlink::{Link, LinkChange, Netlink},
    sysctl::{Protocol, Settings},
    taps::tun::{self, TapOwner},
};

/// How long the host role may take to guard a new tap: it looks when a link appears, and at least
/// every second.
const GUARD_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const POLL: Duration = Duration::from_millis(20);
/// The tap that a machine is plugged into a port by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tap {
    port: PortId,
    name: String,
}

impl Tap {
    /// That of this port.
    pub fn of(port: PortId) -> Self {
        Self { port, name: Port::interface_name(port, "tap") }
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes it, unless it is there, and waits until the host role has guarded it, plugged it in
    /// and brought it up. True if it was made.
    pub fn make(&self, mtu: Option<u32>, owner: TapOwner) -> Result<bool, HostError> {
        let netlink = Netlink::open()?;
        let is_new = match netlink.link(&self.name)? {
            Some(link) => {
                self.check_ours(&link)?;
                false
            }
            None => {
                tun::create(&self.name, owner).map_err(|error| {
                    HostError::system(format_args!("make tap {}", self.name), error)
                })?;
                bridge::keep_host_out(&Settings::open(Protocol::Ipv6)?, &self.name)?;
                let mut change = LinkChange::named(&self.name).alias(&marks::tap(self.port));
                if let Some(mtu) = mtu {
                    change = change.mtu(mtu);
                }
                netlink.change(&change)?;
                true
            }
        };
        self.await_guard(&netlink)?;
        Ok(is_new)
    }

    /// Removes it; true if it was there.
    pub fn remove(&self) -> Result<bool, HostError> {
        let netlink = Netlink::open()?;
        let Some(link) = netlink.link(&self.name)? else { return Ok(false) };
        self.check_ours(&link)?;
        netlink.remove_link(&link)?;
        Ok(true)
    }

    fn check_ours(&self, link: &Link) -> Result<(), HostError> {
        match marks::tap_of(&link.alias) {
            Some(port) if port == self.port => Ok(()),
            Some(other) => {
                Err(HostError::SharedName { name: self.name.clone(), other: other.to_string() })
            }
            None => {
                let reason = "was not made by `innkeeper port tap`";
                Err(HostError::Conflict { name: self.name.clone(), reason })
            }
        }
    }

    fn await_guard(&self, netlink: &Netlink) -> Result<(), HostError> {
        let until = Instant::now() + GUARD_WAIT;
        loop {
            let link = netlink.link(&self.name)?;
            if link.is_some_and(|link| link.up && link.controller.is_some()) {
                return Ok(());
            }
            if Instant::now() > until {
                let seconds = GUARD_WAIT.as_secs();
                return Err(HostError::NoGuard { tap: self.name.clone(), seconds });
            }
            thread::sleep(POLL);
        }
    }
}
