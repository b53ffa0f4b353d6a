//! Sends whole Ethernet frames out of an interface, by one socket for all networks.

#![allow(unsafe_code, reason = "no safe library has the address of a packet socket")]

use std::{ffi::c_int, mem::size_of, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, SendFlags, SocketFlags, SocketType,
        addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque},
        netdevice, sendto, socket_with,
    },
};

use super::DhcpError;

/// The type of an Ethernet frame that holds IPv4.
const ETHERTYPE_IPV4: u16 = 0x0800;

/// A socket that sends frames and receives none.
#[derive(Debug)]
pub(super) struct PacketSocket(OwnedFd);

/// `struct sockaddr_ll` (packet(7)).
#[repr(C)]
struct LinkAddress {
    family: u16,
    protocol: u16,
    interface: c_int,
    hardware_type: u16,
    packet_type: u8,
    address_length: u8,
    address: [u8; 8],
}

// SAFETY: the pointer is to the whole of a value that outlives the call, and the kernel reads every
// byte of a sockaddr_ll as a number.
unsafe impl SocketAddrArg for LinkAddress {
    unsafe fn with_sockaddr<R>(
        &self,
        f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R,
    ) -> R {
        const LENGTH: SocketAddrLen = {
            assert!(size_of::<LinkAddress>() == 20);
            20
        };
        f((&raw const *self).cast(), LENGTH)
    }
}

impl PacketSocket {
    /// A socket in the calling thread's network namespace. With no protocol it receives nothing.
    pub(super) fn open() -> Result<Self, DhcpError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)
            .map(Self)
            .map_err(|error| DhcpError::system("open a packet socket for DHCP replies", error))
    }

    /// Sends a frame out of the interface with this name, if there is one.
    pub(super) fn send(&self, interface: &str, frame: &[u8]) -> Result<(), Errno> {
        let index = netdevice::name_to_index(&self.0, interface)?;
        let destination = LinkAddress {
            family: AddressFamily::PACKET.as_raw(),
            protocol: ETHERTYPE_IPV4.to_be(),
            interface: c_int::from_ne_bytes(index.to_ne_bytes()),
            hardware_type: 0,
            packet_type: 0,
            address_length: 6,
            address: [0; 8],
        };
        sendto(&self.0, frame, SendFlags::empty(), &destination).map(|_| ())
    }
}
