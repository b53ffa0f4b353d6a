//! User and group names, from /etc/passwd and /etc/group.
//!
//! Names from directory services are not known here; their numbers work.

use std::fs;

/// The users and groups of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Vec<(String, u32)>,
    groups: Vec<(String, u32, Vec<String>)>,
}

/// A name that nobody has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// See the message.
    #[error("no user \"{0}\" in /etc/passwd; create it, or give its number")]
    NoUser(String),
    /// See the message.
    #[error("no group \"{0}\" in /etc/group; create it, or give its number")]
    NoGroup(String),
}

impl Accounts {
    /// Those of this machine; a file that cannot be read has none.
    pub fn load() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/etc/passwd"), &read("/etc/group"))
    }

    /// Those of two files' texts; malformed lines count for nothing.
    pub fn parse(passwd: &str, group: &str) -> Self {
        let users = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((name.to_owned(), fields.nth(1)?.parse().ok()?))
        });
        let groups = group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let gid = fields.nth(1)?.parse().ok()?;
            let members = fields.next().unwrap_or_default().split(',');
            let members = members.filter(|member| !member.is_empty()).map(str::to_owned).collect();
            Some((name.to_owned(), gid, members))
        });
        Self { users: users.collect(), groups: groups.collect() }
    }

    /// The number of a user given by name or number.
    pub fn uid(&self, user: &str) -> Result<u32, AccountError> {
        let named = self.users.iter().find(|(name, _)| name == user).map(|(_, uid)| *uid);
        named.or_else(|| user.parse().ok()).ok_or_else(|| AccountError::NoUser(user.to_owned()))
    }

    /// The number of a group given by name or number.
    pub fn gid(&self, group: &str) -> Result<u32, AccountError> {
        let named = self.groups.iter().find(|(name, ..)| name == group).map(|(_, gid, _)| *gid);
        named.or_else(|| group.parse().ok()).ok_or_else(|| AccountError::NoGroup(group.to_owned()))
    }

    /// The users listed as members of a group.
    pub fn members(&self, gid: u32) -> impl Iterator<Item = u32> {
        let groups = self.groups.iter().filter(move |(_, its, _)| *its == gid);
        groups.flat_map(|(_, _, members)| members).filter_map(|name| self.uid(name).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found() {
        let accounts = Accounts::parse(
            "root:x:0:0:root:/root:/bin/sh\n\nbroken\nweb:x:72:72::/:/bin/false\n",
            "inn:x:80:web,ghost,root\nempty:x:81:\nbroken:x\n",
        );
        assert_eq!(accounts.uid("web"), Ok(72));
        assert_eq!(accounts.uid("1000"), Ok(1000));
        assert_eq!(accounts.uid("ghost"), Err(AccountError::NoUser("ghost".into())));
        assert_eq!(accounts.gid("inn"), Ok(80));
        assert_eq!(accounts.gid("nope"), Err(AccountError::NoGroup("nope".into())));
        assert_eq!(accounts.members(80).collect::<Vec<_>>(), [72, 0]);
        assert_eq!(accounts.members(81).count(), 0);
    }
}
