//! `/etc/passwd`.

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The user's number.
    pub(crate) uid: u32,
    /// The number of the user's own group.
    pub(crate) gid: u32,
    /// The home directory, absolute.
    pub(crate) home: String,
    /// Whether the password is in `/etc/shadow`.
    pub(crate) is_shadowed: bool,
}

/// A user cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccountError {
    /// The user is not in the file.
    #[error(
        "there is no user \"{0}\" in /etc/passwd: make the user in the image, or name another \
         with --user"
    )]
    Absent(String),
    /// The user's line is not what it should be.
    #[error("the line of user \"{name}\" in /etc/passwd {reason}")]
    Damaged {
        /// The user.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Finds a user; the first line counts, as for the C library.
pub(crate) fn find(passwd: &[u8], name: &str) -> Result<Account, AccountError> {
    let line = passwd
        .split(|byte| *byte == b'\n')
        .find(|line| line.split(|byte| *byte == b':').next() == Some(name.as_bytes()))
        .filter(|_| !name.is_empty())
        .ok_or_else(|| AccountError::Absent(name.escape_debug().to_string()))?;
    let damaged = |reason| AccountError::Damaged { name: name.escape_debug().to_string(), reason };
    let line = std::str::from_utf8(line).ok().ok_or_else(|| damaged("is not UTF-8"))?;
    let fields: Vec<&str> = line.split(':').collect();
    let [_, password, uid, gid, _, home, _] = fields[..] else {
        return Err(damaged("does not have seven fields"));
    };
    let number =
        |text: &str| text.parse::<u32>().ok().ok_or_else(|| damaged("has a number that is none"));
    if !home.starts_with('/') {
        return Err(damaged("has no absolute home directory"));
    }
    Ok(Account {
        uid: number(uid)?,
        gid: number(gid)?,
        home: home.to_owned(),
        is_shadowed: password == "x",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\
        toor:x:0:0::/root:/bin/sh\n# note\n\
        bad:x:1:1:/home/bad:/bin/sh\nneg:x:-1:1::/h:/s\nrel:x:1:1::h:/s\n\
        old:$1$a$b:7:8::/home/old:/bin/sh\nweb:x:1000:1001:,,\xff:/home/web:/bin/bash";

    #[test]
    fn users_are_found_by_their_whole_name() {
        let root = find(PASSWD, "root").unwrap();
        assert_eq!((root.uid, root.gid, root.home.as_str()), (0, 0, "/root"));
        assert!(root.is_shadowed);
        assert!(!find(PASSWD, "old").unwrap().is_shadowed);
        for absent in ["roo", "rootx", "", "x", "root:x", "\n"] {
            assert!(matches!(find(PASSWD, absent), Err(AccountError::Absent(_))), "{absent:?}");
        }
        for damaged in ["bad", "neg", "rel", "web"] {
            assert!(matches!(find(PASSWD, damaged), Err(AccountError::Damaged { .. })));
        }
    }

    proptest! {
        #[test]
        fn nothing_in_the_file_stops_the_search(passwd: Vec<u8>, name in ".{0,8}") {
            let _ = find(&passwd, &name);
        }
    }
}
