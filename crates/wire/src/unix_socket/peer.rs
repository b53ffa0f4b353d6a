//! Who connects to a Unix socket, by the kernel's word.

use std::{collections::BTreeSet, io};

use tokio::net::UnixStream;

use super::{AccountError, Accounts};

/// The process at the other end when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its process id, if the kernel gave one.
    pub pid: Option<i32>,
}

impl UnixPeer {
    /// The peer of a connection.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() })
    }
}

/// Who may use a socket: root, the user we run as, named users, and members of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerPolicy {
    uids: BTreeSet<u32>,
    gid: Option<u32>,
}

impl PeerPolicy {
    /// Root and the user we run as.
    pub fn own() -> Self {
        Self { uids: BTreeSet::from([0, rustix::process::geteuid().as_raw()]), gid: None }
    }

    /// Those of [`PeerPolicy::own`], `users` and the members of `group`; each a name or a number.
    pub fn of(
        accounts: &Accounts,
        users: &[String],
        group: Option<&str>,
    ) -> Result<Self, AccountError> {
        let mut policy = Self::own();
        for user in users {
            policy.uids.insert(accounts.uid(user)?);
        }
        if let Some(group) = group {
            let gid = accounts.gid(group)?;
            // The kernel names a peer's effective group only, so members by /etc/group are users.
            policy.uids.extend(accounts.members(gid));
            policy.gid = Some(gid);
        }
        Ok(policy)
    }

    /// Whether `peer` may use the socket.
    pub fn admits(&self, peer: &UnixPeer) -> bool {
        self.uids.contains(&peer.uid) || self.gid == Some(peer.gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_members_and_nobody_else() {
        let accounts =
            Accounts::parse("agent:x:71:71::/:\nweb:x:72:72::/:\n", "inn:x:80:agent\nweb:x:72:\n");
        let policy = PeerPolicy::of(&accounts, &["1234".into()], Some("inn")).unwrap();
        let admits = |uid, gid| policy.admits(&UnixPeer { uid, gid, pid: None });
        assert!(admits(0, 0), "root");
        assert!(admits(71, 71), "a member with another primary group");
        assert!(admits(9, 80), "the group is its primary one");
        assert!(admits(1234, 9), "a named user");
        assert!(!admits(72, 72));
    }
}
