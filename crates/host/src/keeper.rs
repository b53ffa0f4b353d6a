//! One host role to a machine.

use std::os::{
    linux::net::SocketAddrExt,
    unix::net::{SocketAddr, UnixListener},
};

use crate::{HostError, inspection::keeping_process};

/// The name of an abstract socket, of which there is one in each network namespace: exactly what
/// two host roles would quarrel over. The kernel takes it back when its owner ends, however.
pub(crate) const NAME: &[u8] = b"innkeeper-host";

/// The right to change this machine's networks, for as long as it is kept.
#[derive(Debug)]
pub struct Keeper {
    _socket: UnixListener,
}

impl Keeper {
    /// Takes the right, or says who has it.
    pub fn claim() -> Result<Self, HostError> {
        let address = SocketAddr::from_abstract_name(NAME)
            .map_err(|error| HostError::system("name a socket", error))?;
        match UnixListener::bind_addr(&address) {
            Ok(socket) => Ok(Self { _socket: socket }),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                Err(HostError::AlreadyKept { process: keeping_process() })
            }
            Err(error) => Err(HostError::system("claim this machine's networks", error)),
        }
    }
}
