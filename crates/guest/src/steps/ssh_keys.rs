//! The keys with which somebody may log in.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    fs::{FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, mkdirat, openat},
    io::Errno,
};

use super::{
    Machine, Outcome, Step, StepError,
    authorized_keys::{KeyLine, merged},
};
use crate::{
    account::{Account, find},
    documents::KeyPair,
    files::{FileError, Missing, Owned, Place, Root},
    state::State,
};

/// What the step is called.
pub(super) const NAME: &str = "SSH keys";

/// Bytes of `/etc/passwd` that are read.
pub(super) const PASSWD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes of `authorized_keys` that are read.
const KEYS_BYTES_MAX: u64 = 1024 * 1024;

/// Puts the keys into the `authorized_keys` of a user.
#[derive(Debug)]
pub(super) struct SshKeys {
    user: String,
    keys: Vec<KeyPair>,
}

impl SshKeys {
    pub(super) fn new(user: &str, keys: Vec<KeyPair>) -> Self {
        Self { user: user.to_owned(), keys }
    }

    /// The keys that can be put there, and what is said of the others.
    fn sorted(&self) -> (Vec<KeyLine>, Vec<String>, Vec<StepError>) {
        let (mut good, mut skipped, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for key in &self.keys {
            let name = key.name.escape_debug();
            if key.kind != "ssh" {
                let kind = key.kind.escape_debug();
                skipped.push(format!("key {name} is of type {kind}, which is not for SSH"));
            } else if let Some(lines) = KeyLine::all(&key.data) {
                good.extend(lines);
            } else {
                bad.push(StepError::Refused(format!("key {name} is not a public key of SSH")));
            }
        }
        (good, skipped, bad)
    }

    fn account(&self, root: &Root) -> Result<Account, StepError> {
        account(root, &self.user)
    }

    /// The file with the keys of an earlier instance, and what stays of it without them. A user
    /// whose file cannot be ours has none of those.
    fn earlier(&self, root: &Root) -> Result<Option<(Place, Vec<u8>, Owned)>, StepError> {
        let Ok(account) = self.account(root) else { return Ok(None) };
        let path = format!("{}/.ssh/authorized_keys", account.home);
        let Ok(home) = root.directory(&account.home, Missing::Refuse) else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(ssh) = openat(&home, ".ssh", flags, Mode::empty()) else { return Ok(None) };
        let place = Place::new(ssh, "authorized_keys".to_owned(), path);
        let (bytes, stat) = match place.read(KEYS_BYTES_MAX) {
            Ok(Some(found)) => found,
            Ok(None) | Err(FileError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = merged(&bytes, &[]);
        Ok((text != bytes).then(|| (place, text, Owned::like(&stat))))
    }
}

impl Step for SshKeys {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn plan(&self, machine: &Machine<'_>) -> Result<Vec<String>, StepError> {
        if self.keys.is_empty() {
            let earlier = self.earlier(machine.root)?;
            return Ok(earlier.iter().map(|(place, ..)| taken_out(place)).collect());
        }
        let account = self.account(machine.root)?;
        let (good, mut lines, bad) = self.sorted();
        if !good.is_empty() {
            lines.push(format!(
                "write the keys of user {} ({}) into {}/.ssh/authorized_keys (mode 0600, owner {}:{})",
                self.user,
                good.len(),
                account.home,
                account.uid,
                account.gid
            ));
        }
        StepError::of_all(bad).map(|()| lines)
    }

    fn apply(&self, machine: &Machine<'_>, _state: &mut State) -> Result<Outcome, StepError> {
        if self.keys.is_empty() {
            let Some((place, text, owned)) = self.earlier(machine.root)? else {
                return Ok(Outcome::Nothing);
            };
            place.write(&text, owned)?;
            return Ok(Outcome::Done(vec![taken_out(&place)]));
        }
        let account = self.account(machine.root)?;
        let (good, mut done, bad) = self.sorted();
        if !good.is_empty() {
            let place = authorized_keys(machine.root, &account)?;
            let existing = match place.read(KEYS_BYTES_MAX)? {
                Some((bytes, stat)) => {
                    // A second name of another's file would show its contents to this user.
                    let is_theirs = [0, account.uid].contains(&stat.st_uid) && stat.st_nlink == 1;
                    if !is_theirs {
                        let reason = "belongs to another user or has a second name: take it away";
                        return Err(FileError::refused(place.path(), reason).into());
                    }
                    bytes
                }
                None => Vec::new(),
            };
            let text = merged(&existing, &good);
            let owned = Owned { mode: 0o600, uid: account.uid, gid: account.gid };
            place.write(&text, owned)?;
            done.push(format!(
                "the keys of user {} ({}) are in {}",
                self.user,
                good.len(),
                place.path()
            ));
        }
        for line in &done {
            // Told here too: keys that are no keys make the step fail, and the others are there.
            if !bad.is_empty() {
                machine.log.note(&format!("{NAME}: {line}"));
            }
        }
        StepError::of_all(bad).map(|()| Outcome::Done(done))
    }
}

fn taken_out(place: &Place) -> String {
    format!("the keys of an earlier instance are taken out of {}", place.path())
}

/// Reads a user from `/etc/passwd`.
pub(super) fn account(root: &Root, user: &str) -> Result<Account, StepError> {
    let place = root.place("/etc/passwd", Missing::Refuse)?;
    let passwd = place.read(PASSWD_BYTES_MAX)?.map(|(bytes, _)| bytes).unwrap_or_default();
    Ok(find(&passwd, user)?)
}

/// The place of the file, its directories made where they are missing. Below the home directory
/// everything is the user's to exchange: no link is followed there.
fn authorized_keys(root: &Root, account: &Account) -> Result<Place, FileError> {
    let (home, path) = (&account.home, format!("{}/.ssh/authorized_keys", account.home));
    let home = match root.directory(home, Missing::Refuse) {
        Err(error) if error.is_missing() && home != "/" => {
            let place = root.place(home, Missing::Make)?;
            own_directory(place.directory(), place.name(), account, home)?
        }
        found => found?,
    };
    let ssh = format!("{}/.ssh", account.home);
    let directory = own_directory(home.as_fd(), ".ssh", account, &ssh)?;
    Ok(Place::new(directory, "authorized_keys".to_owned(), path))
}

/// Opens or makes a directory of the user's, mode 0700.
fn own_directory(
    parent: BorrowedFd<'_>,
    name: &str,
    account: &Account,
    path: &str,
) -> Result<OwnedFd, FileError> {
    let failed = |e: Errno| FileError::system("make", path, e);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed(error)),
    }
    let directory = openat(parent, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOTDIR | Errno::LOOP => {
            FileError::refused(path, "is not a directory: a link is not followed there")
        }
        error => failed(error),
    })?;
    let stat = fstat(&directory).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(failed(Errno::NOTDIR));
    }
    if ![0, account.uid].contains(&stat.st_uid) {
        return Err(FileError::refused(path, "belongs to another user: give it to its owner"));
    }
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    fchown(&directory, Some(uid), Some(gid)).map_err(failed)?;
    fchmod(&directory, Mode::from_raw_mode(0o700)).map_err(failed)?;
    Ok(directory)
}
