//! The system call that says of which namespace a message is.

#![allow(unsafe_code, reason = "recvmsg with this control message has no safe wrapper")]

use std::{
    io, mem,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

/// Room for one control message with a number, and to spare.
const CONTROL_WORDS: usize = 8;

/// A message of the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    /// How many bytes of the buffer it fills.
    pub(super) bytes: usize,
    /// The number of the namespace that it is of, as the receiver's namespace counts others; nothing
    /// if it is of that namespace itself.
    pub(super) namespace: Option<i32>,
}

/// Reads the next message into `buffer`, without waiting for one if the socket does not.
pub(super) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = [0_u64; CONTROL_WORDS];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: a msghdr of zeros has no buffers at all; those that it gets are below.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control);
    // SAFETY: the header's buffers live on this stack beyond the call, and are as long as it says.
    let bytes = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) };
    let bytes = usize::try_from(bytes).map_err(|_negative| io::Error::last_os_error())?;
    Ok(Received { bytes, namespace: namespace(&header) })
}

fn namespace(header: &libc::msghdr) -> Option<i32> {
    // SAFETY: the kernel has filled in the control buffer, which is still there, and its length.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(ptr::from_ref(header)) };
    while !next.is_null() {
        // SAFETY: not null, so that it is a control message within that buffer.
        let message = unsafe { &*next };
        if (message.cmsg_level, message.cmsg_type)
            == (libc::SOL_NETLINK, libc::NETLINK_LISTEN_ALL_NSID)
        {
            // SAFETY: as above; it computes an address only.
            let number = unsafe { libc::CMSG_DATA(next) }.cast::<i32>();
            // SAFETY: what the kernel puts behind such a header is an int, aligned or not.
            return Some(unsafe { number.read_unaligned() });
        }
        // SAFETY: both are those of above.
        next = unsafe { libc::CMSG_NXTHDR(ptr::from_ref(header), next) };
    }
    None
}
