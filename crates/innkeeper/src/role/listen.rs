//! Making the sockets that a role listens on, and saying what to do where that fails.

use std::{io, net::SocketAddr, path::Path};

use anyhow::Context;
use innkeeper_wire::{
    limits::BACKLOG,
    unix_socket::{Accounts, PeerPolicy, bind_unix},
};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use crate::config::Name;

/// Listens at a TCP address, the value of `key`.
pub(super) fn tcp(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    listen(address).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                let port = address.port();
                format!("; ss -ltnp 'sport = :{port}' shows who has it: stop that, or change {key}")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("; this machine has no such address: change {key}")
            }
            io::ErrorKind::PermissionDenied => {
                format!("; ports below 1024 need CAP_NET_BIND_SERVICE: grant it, or change {key}")
            }
            _ => String::new(),
        };
        anyhow::anyhow!("cannot listen on {address} ({key}): {error}{advice}")
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG.unsigned_abs())
}

/// A Unix socket and who may use it.
pub(super) struct UnixDoor {
    pub(super) listener: UnixListener,
    pub(super) policy: PeerPolicy,
}

/// Listens at a path, the value of `section.socket`, for members of `section.socket_group`.
pub(super) fn unix(path: &Path, group: Option<&Name>, section: &str) -> anyhow::Result<UnixDoor> {
    let accounts = Accounts::load();
    let group = group.map(Name::as_str);
    let gid = group.map(|group| accounts.gid(group)).transpose();
    let gid = gid.with_context(|| format!("cannot use {section}.socket_group"))?;
    let policy = PeerPolicy::of(&accounts, &[], group)
        .with_context(|| format!("cannot use {section}.socket_group"))?;
    let listener = bind_unix(path, gid)
        .with_context(|| format!("cannot listen on {} ({section}.socket)", path.display()))?;
    Ok(UnixDoor { listener, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_who_to_ask() {
        let first = tcp("127.0.0.1:0".parse().unwrap(), "api.listen").unwrap();
        let address = first.local_addr().unwrap();
        let message = tcp(address, "api.listen").unwrap_err().to_string();
        assert!(message.contains(&format!("cannot listen on {address} (api.listen)")), "{message}");
        assert!(message.contains("ss -ltnp"), "{message}");
    }

    #[tokio::test]
    async fn a_group_that_nobody_has_is_named_with_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let group = <Name as crate::config::Value>::parse("no-such-group-here");
        let socket = directory.path().join("socket");
        let error = unix(&socket, group.as_ref(), "agent").err().unwrap();
        let message = format!("{error:#}");
        assert!(message.contains("agent.socket_group"), "{message}");
        assert!(message.contains("no-such-group-here"), "{message}");
    }
}
