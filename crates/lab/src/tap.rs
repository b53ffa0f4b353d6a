//! The far end of a tap: where a hypervisor has the machine.

#![allow(unsafe_code, reason = "attaching to a tap is an ioctl, which has no safe wrapper")]

use std::{
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
};

use rustix::ioctl::{Setter, ioctl, opcode};

use crate::LabError;

/// The device by which programs have taps.
const DEVICE: &str = "/dev/net/tun";
/// Linux's `TUNSETIFF`: which interface a file is the far end of.
const SET_INTERFACE: rustix::ioctl::Opcode = opcode::write::<i32>(b'T', 202);
/// Ethernet frames (`IFF_TAP`), and nothing before them (`IFF_NO_PI`).
const FLAGS: u16 = 0x0002 | 0x1000;
/// Linux's `IFNAMSIZ`: an interface's name and its end.
const NAME_BYTES: usize = 16;
/// The largest frame: a packet of 64 KiB and its Ethernet header.
const FRAME_BYTES_MAX: usize = 65_536 + 14;

/// What says "the machine is at this end": frames are sent and received as the machine's card would.
#[derive(Debug)]
pub struct Tap {
    file: File,
}

/// Linux's `struct ifreq`, with flags.
#[repr(C)]
struct Request {
    name: [u8; NAME_BYTES],
    flags: u16,
    rest: [u8; 22],
}

impl Tap {
    /// Takes the far end of the tap of this name, in the calling thread's network namespace. If there
    /// is none, one is made that goes with this value.
    pub fn open(name: &str) -> Result<Self, LabError> {
        let failed = |doing, source| LabError::File { doing, path: PathBuf::from(name), source };
        if name.len() >= NAME_BYTES {
            return Err(failed("name a tap", io::ErrorKind::InvalidInput.into()));
        }
        let file = File::options().read(true).write(true).open(DEVICE);
        let file = file.map_err(|source| LabError::File {
            doing: "open",
            path: PathBuf::from(DEVICE),
            source,
        })?;
        let mut request = Request { name: [0; NAME_BYTES], flags: FLAGS, rest: [0; 22] };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        // SAFETY: the opcode is Linux's, and what it reads is a whole `struct ifreq`.
        let setter = unsafe { Setter::<SET_INTERFACE, Request>::new(request) };
        // SAFETY: the request reads from that value, which outlives the call, and writes to it alone.
        let attached = unsafe { ioctl(&file, setter) };
        attached.map_err(|error| failed("attach to the tap", error.into()))?;
        Ok(Self { file })
    }

    /// Sends a frame, as it is.
    pub fn send(&self, frame: &[u8]) -> Result<(), LabError> {
        (&self.file).write_all(frame).map_err(LabError::Io)
    }

    /// Waits for the next frame.
    pub fn receive(&self) -> Result<Vec<u8>, LabError> {
        let mut frame = vec![0; FRAME_BYTES_MAX];
        let length = (&self.file).read(&mut frame)?;
        frame.truncate(length);
        Ok(frame)
    }
}
