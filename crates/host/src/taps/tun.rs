//! The system calls that make a tap.

#![allow(unsafe_code, reason = "the kernel makes taps by ioctl alone")]

use std::{fs::OpenOptions, io, os::fd::AsRawFd};

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

/// Makes a tap that stays when this process ends.
pub(super) fn create(name: &str, owner: TapOwner) -> io::Result<()> {
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
