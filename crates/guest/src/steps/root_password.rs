//! The password of root.

use std::{
    fmt,
    fs::File,
    io::Read as _,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FlockOperation, fcntl_lock};
use sha2::{Digest as _, Sha512};

use super::{Machine, Outcome, Step, StepError, ssh_keys::account};
use crate::{
    account::{SALT_BYTES, salt_from, sha512_crypt, with_password},
    files::{FileError, Missing, Owned, Root},
    log::today,
    state::State,
};

/// What the step is called.
pub(super) const NAME: &str = "root password";

/// Bytes of a password: hashing takes as long as the password is.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Bytes of `/etc/shadow` that are read.
const SHADOW_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The lock of everybody who changes `/etc/shadow`.
const LOCK: &str = "/etc/.pwd.lock";

/// How often the lock is tried, and how long is waited in between: programs that make users hold
/// it for a moment.
const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Sets the password.
pub(super) struct RootPassword {
    instance: String,
    password: String,
}

impl RootPassword {
    pub(super) fn new(instance: &str, password: &str) -> Self {
        Self { instance: instance.to_owned(), password: password.to_owned() }
    }

    /// Bytes that no other password has for its salt: a salt must be unlike others, and needs not
    /// be secret. The kernel's `getrandom` would be waited for: a machine that boots for the first
    /// time may have no randomness for minutes, and nothing here goes on without its password.
    fn random(&self) -> [u8; SALT_BYTES] {
        let mut hash = Sha512::new();
        hash.update(&self.instance);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        hash.update(now.as_nanos().to_le_bytes());
        let mut random = [0; SALT_BYTES];
        // Never waits. Without it the instance and the time are what makes the difference.
        let _ = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random));
        hash.update(random);
        let hash = hash.finalize();
        std::array::from_fn(|at| hash[at])
    }

    /// The old `/etc/shadow` and what it is, if the password can be set in it.
    fn shadow(&self, root: &Root) -> Result<(Vec<u8>, Owned), StepError> {
        if self.password.len() > PASSWORD_BYTES_MAX || self.password.contains('\0') {
            return Err(StepError::Refused(format!(
                "the password cannot be set: it has a NUL or more than {PASSWORD_BYTES_MAX} bytes"
            )));
        }
        if !account(root, "root")?.is_shadowed {
            return Err(StepError::Refused(
                "the password of root is not kept in /etc/shadow (no \"x\" in /etc/passwd): run \
                 pwconv in the image"
                    .to_owned(),
            ));
        }
        let missing =
            || StepError::Refused("there is no /etc/shadow: run pwconv in the image".to_owned());
        let place = root.place("/etc/shadow", Missing::Refuse)?;
        let (bytes, stat) = place.read(SHADOW_BYTES_MAX)?.ok_or_else(missing)?;
        Ok((bytes, Owned::like(&stat)))
    }
}

impl Step for RootPassword {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn plan(&self, machine: &Machine<'_>) -> Result<Vec<String>, StepError> {
        self.shadow(machine.root)?;
        Ok(vec!["set the password of root in /etc/shadow".to_owned()])
    }

    fn apply(&self, machine: &Machine<'_>, _state: &mut State) -> Result<Outcome, StepError> {
        let root = machine.root;
        self.shadow(root)?;
        let lock = root.place(LOCK, Missing::Refuse)?.append()?;
        let mut attempts = 0;
        while let Err(error) = fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
            attempts += 1;
            if attempts == LOCK_ATTEMPTS {
                return Err(FileError::system("lock", LOCK, error).into());
            }
            thread::sleep(LOCK_PAUSE);
        }
        let hash = sha512_crypt(self.password.as_bytes(), &salt_from(self.random()));
        let (shadow, owned) = self.shadow(root)?;
        let written = with_password(&shadow, "root", &hash, today());
        root.place("/etc/shadow", Missing::Refuse)?.write(&written, owned)?;
        Ok(Outcome::Done(vec!["the password of root is set".to_owned()]))
    }
}

impl fmt::Debug for RootPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootPassword").finish_non_exhaustive()
    }
}
