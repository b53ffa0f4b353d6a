//! Binding a Unix socket.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt},
        net as std_net,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Gid, Mode, chmod, chownat};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use crate::limits::BACKLOG;

/// Why a Unix socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum UnixSocketError {
    /// Somebody answers there.
    #[error("{0} is served by another process; stop it or choose another path")]
    InUse(PathBuf),
    /// Something that is no socket is there; a symbolic link is not followed.
    #[error("{0} exists and is no socket (a symbolic link is not followed); remove it")]
    NotASocket(PathBuf),
    /// A system call failed.
    #[error("could not {doing} {path}: {source}")]
    Io {
        /// What was being done, a verb.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Listens at `path`, mode 0660, for `group` if one is given. The directory is made if missing. A
/// socket that nobody serves any more is replaced. The path is never followed through a link.
pub fn bind_unix(path: &Path, group: Option<u32>) -> Result<UnixListener, UnixSocketError> {
    let failed = |doing| move |source| UnixSocketError::Io { doing, path: path.into(), source };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)
            .map_err(failed("make the directory of"))?;
    }
    remove_stale(path)?;
    let socket =
        Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed("make a socket for"))?;
    let address = SockAddr::unix(path).map_err(failed("use the path"))?;
    socket.bind(&address).map_err(failed("bind a socket at"))?;
    // Nobody can connect before listen, so no connection is made under the mode that umask left.
    if let Some(gid) = group {
        let gid = Some(Gid::from_raw(gid));
        chownat(CWD, path, None, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| failed("set the group of")(error.into()))?;
    }
    chmod(path, Mode::from_raw_mode(0o660))
        .map_err(|error| failed("set the mode of")(error.into()))?;
    socket.listen(BACKLOG).map_err(failed("listen at"))?;
    socket.set_nonblocking(true).map_err(failed("prepare the socket at"))?;
    UnixListener::from_std(std_net::UnixListener::from(socket)).map_err(failed("serve"))
}

/// Removes a socket that nobody serves.
fn remove_stale(path: &Path) -> Result<(), UnixSocketError> {
    let failed = |doing| move |source| UnixSocketError::Io { doing, path: path.into(), source };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
    };
    if !found.file_type().is_socket() {
        return Err(UnixSocketError::NotASocket(path.into()));
    }
    match std_net::UnixStream::connect(path) {
        Ok(_answered) => Err(UnixSocketError::InUse(path.into())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("remove the stale socket"))
        }
        Err(error) => Err(failed("find out whether anybody serves")(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[tokio::test]
    async fn is_made_for_its_group_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/deep/agent.sock");
        let own = rustix::process::getegid().as_raw();
        let _listener = bind_unix(&path, Some(own)).unwrap();
        let made = fs::symlink_metadata(&path).unwrap();
        assert_eq!(made.mode() & 0o7777, 0o660);
        assert_eq!(made.gid(), own);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o022, 0);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_served_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.sock");
        let first = bind_unix(&path, None).unwrap();
        assert!(matches!(bind_unix(&path, None), Err(UnixSocketError::InUse(_))));
        drop(first);
        assert!(path.exists(), "a socket's file outlives it");
        bind_unix(&path, None).unwrap();
    }

    #[tokio::test]
    async fn a_link_or_a_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        for path in [&target, &link] {
            let error = bind_unix(path, None).unwrap_err();
            assert!(matches!(error, UnixSocketError::NotASocket(_)), "{error}");
        }
        let dangling = dir.path().join("dangling");
        symlink(dir.path().join("nothing"), &dangling).unwrap();
        assert!(matches!(bind_unix(&dangling, None), Err(UnixSocketError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }
}
