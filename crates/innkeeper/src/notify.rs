//! Telling the service manager that the process is ready.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// Sends `READY=1` to the socket that systemd names in NOTIFY_SOCKET, if it names one.
pub(crate) fn ready() {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(socket.as_bytes(), b"READY=1") {
        tracing::warn!(%error, "could not tell the service manager that this process is ready");
    }
}

/// `@` stands for the zero byte of an abstract name.
fn send(socket: &[u8], state: &[u8]) -> io::Result<()> {
    let address = match socket.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(socket))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received_at(address: &SocketAddr, name: &[u8]) {
        let manager = UnixDatagram::bind_addr(address).unwrap();
        send(name, b"READY=1").unwrap();
        let mut datagram = [0; 64];
        let length = manager.recv(&mut datagram).unwrap();
        assert_eq!(&datagram[..length], b"READY=1");
    }

    #[test]
    fn a_path_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        received_at(&SocketAddr::from_pathname(&path).unwrap(), path.as_os_str().as_bytes());
    }

    #[test]
    fn an_abstract_name_is_told() {
        let name = format!("innkeeper-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        received_at(&address, format!("@{name}").as_bytes());
    }
}
