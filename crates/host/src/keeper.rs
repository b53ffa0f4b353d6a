//! One host role to a machine.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
};

use rustix::{net::sockopt::socket_peercred, process::geteuid};

use crate::HostError;

/// The beginning of the names of abstract sockets, of which there is one each in a network
/// namespace: exactly what two host roles would quarrel over. The kernel takes a name back when its
/// owner ends, however.
const NAME: &str = "innkeeper-host";
/// Any process may take a name. One that could not be a host role keeps nobody out: the next name
/// will do.
const NAMES: usize = 8;

/// The right to change this machine's networks, for as long as it is kept.
#[derive(Debug)]
pub struct Keeper {
    /// `None` if others, who are no host roles, have every name.
    _socket: Option<UnixListener>,
}

impl Keeper {
    /// Takes the right, or says who has it.
    pub fn claim() -> Result<Self, HostError> {
        if let Some(process) = keeping_process() {
            return Err(HostError::AlreadyKept { process: Some(process) });
        }
        for number in 0..NAMES {
            let bound = address(number).and_then(|address| UnixListener::bind_addr(&address));
            match bound {
                Ok(socket) => return Ok(Self { _socket: Some(socket) }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    return Err(HostError::system("claim this machine's networks", error));
                }
            }
        }
        tracing::warn!(
            "processes of other users have every socket @innkeeper-host…: a second host role would \
             not be noticed"
        );
        Ok(Self { _socket: None })
    }
}

/// The process that keeps the networks of this machine, if one does.
pub fn keeping_process() -> Option<i32> {
    (0..NAMES).find_map(|number| {
        let there = UnixStream::connect_addr(&address(number).ok()?).ok()?;
        let owner = socket_peercred(there).ok()?;
        let may_be_one = owner.uid.is_root() || owner.uid == geteuid();
        may_be_one.then(|| owner.pid.as_raw_pid())
    })
}

fn address(number: usize) -> io::Result<SocketAddr> {
    let name = if number == 0 { NAME.to_owned() } else { format!("{NAME}.{number}") };
    SocketAddr::from_abstract_name(name)
}
