//! Making and removing taps.
//!
//! A tap is made down and marked; once what may come from it is guarded, the host role plugs it in
//! and brings it up.

#![allow(unsafe_code, reason = "the kernel makes taps by ioctl alone")]

use std::{
    fs::OpenOptions,
    io,
    os::fd::AsRawFd,
    thread,
    time::{Duration, Instant},
};

use innkeeper_model::{Port, PortId};

use crate::{
    HostError, bridge, marks,
    netlink::{Link, LinkChange, Netlink},
};

/// How long the host role may take to guard a new tap: it looks when a link appears, and at least
/// every second.
const GUARD_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const POLL: Duration = Duration::from_millis(20);
/// Where taps are made.
const DEVICE: &str = "/dev/net/tun";

/// Whose processes may use a tap, besides root's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TapOwner {
    /// A user's id.
    pub user: Option<u32>,
    /// A group's id.
    pub group: Option<u32>,
}

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
                create(&self.name, owner).map_err(|error| {
                    HostError::system(format_args!("make tap {}", self.name), error)
                })?;
                bridge::keep_host_out(&self.name)?;
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

/// Makes a tap that stays when this process ends.
fn create(name: &str, owner: TapOwner) -> io::Result<()> {
    let device = OpenOptions::new().read(true).write(true).open(DEVICE)?;
    let mut request = Request { name: [0; NAME_BYTES], flags: TAP | NO_PACKET_INFO, rest: [0; 22] };
    for (to, from) in request.name.iter_mut().zip(name.bytes().take(NAME_BYTES - 1)) {
        *to = from;
    }
    // SAFETY: TUNSETIFF reads and writes a struct ifreq, which `request` is laid out as, and
    // keeps no pointer to it.
    let set = unsafe { libc::ioctl(device.as_raw_fd(), SET_INTERFACE, &raw mut request) };
    check(set)?;
    for (order, id) in [(SET_OWNER, owner.user), (SET_GROUP, owner.group)] {
        let Some(id) = id else { continue };
        // SAFETY: TUNSETOWNER and TUNSETGROUP take a number and no pointer.
        let set = unsafe { libc::ioctl(device.as_raw_fd(), order, libc::c_ulong::from(id)) };
        check(set)?;
    }
    // SAFETY: TUNSETPERSIST takes a number and no pointer.
    check(unsafe { libc::ioctl(device.as_raw_fd(), SET_PERSISTENT, 1 as libc::c_ulong) })
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// struct ifreq of 64-bit kernels, as far as taps go.
#[repr(C)]
struct Request {
    name: [u8; NAME_BYTES],
    flags: u16,
    rest: [u8; 22],
}

const NAME_BYTES: usize = 16;
// linux/if_tun.h
const TAP: u16 = 0x0002;
const NO_PACKET_INFO: u16 = 0x1000;
const SET_INTERFACE: libc::c_ulong = 0x4004_54ca;
const SET_PERSISTENT: libc::c_ulong = 0x4004_54cb;
const SET_OWNER: libc::c_ulong = 0x4004_54cc;
const SET_GROUP: libc::c_ulong = 0x4004_54ce;
