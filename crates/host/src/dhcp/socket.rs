//! The socket that receives a network's requests, made in the network's namespace.

use std::{
    fs::OpenOptions,
    io,
    net::{Ipv4Addr, UdpSocket},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::PathBuf,
    thread,
};

use rustix::{
    fs::OFlags,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::{DhcpError, REQUEST_BYTES_MAX, SERVER_PORT};

/// A namespace to make a socket in.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// A socket, and the namespace it was made in.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) socket: UdpSocket,
    /// Device and inode of the namespace.
    pub(super) namespace: (u64, u64),
}

/// Makes a socket in each namespace, on one thread that ends with the work: no thread that goes on
/// is ever in the wrong namespace.
pub(super) fn open_all(places: &[Place]) -> Vec<Result<Opened, DhcpError>> {
    if places.is_empty() {
        return Vec::new();
    }
    let all_fail = |error: &dyn Fn() -> DhcpError| places.iter().map(|_| Err(error())).collect();
    thread::scope(|scope| {
        let work = || places.iter().map(open).collect();
        let started =
            thread::Builder::new().name("dhcp-netns".to_owned()).spawn_scoped(scope, work);
        match started {
            Ok(thread) => thread.join().unwrap_or_else(|_| all_fail(&|| DhcpError::Panicked)),
            Err(error) => {
                all_fail(&|| DhcpError::system("start a thread", io::Error::from(error.kind())))
            }
        }
    })
}

fn open(place: &Place) -> Result<Opened, DhcpError> {
    let Place { name, path } = place;
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(i32::from_ne_bytes(flags.bits().to_ne_bytes()))
        .open(path);
    let doing = || format!("open namespace {}", path.display());
    let file = opened.map_err(|error| DhcpError::system(doing(), error))?;
    let metadata = file.metadata().map_err(|error| DhcpError::system(doing(), error))?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| DhcpError::system(format_args!("enter namespace {name}"), error))?;
    // The namespace's only link is the DHCP port's, so that every address is as good as its own.
    let bound = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, SERVER_PORT))
        .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    match bound {
        Ok(socket) => Ok(Opened { socket, namespace: (metadata.dev(), metadata.ino()) }),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(DhcpError::PortInUse(name.clone()))
        }
        Err(error) => {
            let doing = format!("receive on UDP port {SERVER_PORT} in namespace {name}");
            Err(DhcpError::system(doing, error))
        }
    }
}

/// Takes one datagram, if there is one; one that is too long for a request is longer than
/// [`REQUEST_BYTES_MAX`] still.
///
/// It stands apart from all waiting, so that no waiting task keeps a buffer.
pub(super) fn receive(socket: &tokio::net::UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = [0; REQUEST_BYTES_MAX + 1];
    let (length, _from) = socket.try_recv_from(&mut buffer)?;
    Ok(buffer.get(..length).unwrap_or_default().to_vec())
}
