//! User data: run, if they are a script.

use std::{
    borrow::Cow,
    fmt, io,
    io::Read as _,
    os::fd::AsFd as _,
    process::{Child, Command, Stdio},
};

use flate2::read::MultiGzDecoder;

use super::{
    Machine, Outcome, Step, StepError,
    user_data_kind::{Kind, kind_of},
};
use crate::{
    files::{Missing, Owned, Root},
    state::{DIRECTORY, Progress, State},
};

/// What the step is called.
pub(super) const NAME: &str = "user data";

/// How compressed data begin.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Bytes of decompressed user data: a small file may say that it is a huge one.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Where the script finds programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a script once, however it ends: half of it may have been done.
pub(super) struct UserData {
    instance: String,
    bytes: Vec<u8>,
}

impl UserData {
    pub(super) const fn new(instance: String, bytes: Vec<u8>) -> Self {
        Self { instance, bytes }
    }

    fn decompressed(&self) -> Result<Cow<'_, [u8]>, StepError> {
        if !self.bytes.starts_with(GZIP) {
            return Ok(Cow::Borrowed(&self.bytes));
        }
        let refused = |problem: &str| {
            StepError::Refused(format!("the user data are compressed, and {problem}"))
        };
        let mut plain = Vec::new();
        MultiGzDecoder::new(&*self.bytes)
            .take(BYTES_MAX + 1)
            .read_to_end(&mut plain)
            .map_err(|e| refused(&format!("damaged: {e}")))?;
        if plain.len() as u64 > BYTES_MAX {
            return Err(refused(&format!("have more than {BYTES_MAX} bytes inside")));
        }
        Ok(Cow::Owned(plain))
    }

    fn path(&self) -> String {
        path(&self.instance)
    }

    fn start(&self, machine: &Machine<'_>) -> io::Result<Child> {
        // The log itself, not a pipe: what the script leaves running may go on writing to it, and
        // nobody waits for that.
        let output = || match machine.log.file() {
            Some(file) => file.try_clone().map(Stdio::from),
            None => io::stderr().as_fd().try_clone_to_owned().map(Stdio::from),
        };
        Command::new(self.path())
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?)
            .current_dir("/")
            .env_clear()
            .envs([("PATH", PATH), ("HOME", "/root"), ("INSTANCE_ID", &self.instance)])
            .spawn()
    }
}

/// Where the script of an instance is, from which it is run.
fn path(instance: &str) -> String {
    format!("{DIRECTORY}/{instance}.user-data")
}

/// Notes that the script was begun if it is where it is run from: what is known where the record
/// is lost.
pub(crate) fn note_if_begun(root: &Root, state: &mut State, instance: &str) {
    let existing = root.place(&path(instance), Missing::Refuse).and_then(|p| p.replaceable());
    if matches!(existing, Ok(Some(_))) {
        state.note(NAME, Progress::Started, None);
    }
}

impl Step for UserData {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn plan(&self, machine: &Machine<'_>) -> Result<Vec<String>, StepError> {
        let data = self.decompressed()?;
        Ok(vec![match kind_of(&data) {
            Kind::Script => later(machine).unwrap_or_else(|| {
                format!("write {} ({} bytes, mode 0700) and run it", self.path(), data.len())
            }),
            Kind::Other(kind) => not_understood(kind, data.len()),
        }])
    }

    fn apply(&self, machine: &Machine<'_>, state: &mut State) -> Result<Outcome, StepError> {
        let data = self.decompressed()?;
        match kind_of(&data) {
            Kind::Other(kind) => {
                return Ok(Outcome::NotUnderstood(not_understood(kind, data.len())));
            }
            Kind::Script => {}
        }
        if let Some(why) = later(machine) {
            return Ok(Outcome::Later(why));
        }
        let root: &Root = machine.root;
        root.place(&self.path(), Missing::Make)?.write(&data, Owned::new(0o700))?;
        // On record before it runs: a script that reboots the machine must not do so for ever.
        state.note(NAME, Progress::Started, None);
        if let Err(error) = state.save(root) {
            state.forget(NAME);
            return Err(error.into());
        }
        machine.log.note(&format!("{NAME}: running {}", self.path()));
        let mut script = match self.start(machine) {
            Ok(script) => script,
            Err(error) => {
                state.forget(NAME);
                return Err(StepError::Refused(format!(
                    "could not run {}: {error}; its first line must name an interpreter that is \
                     in the image, and its file system must allow programs",
                    self.path()
                )));
            }
        };
        // Who started this program may have had the kernel forget how children end.
        let (ended, is_success) = match script.wait() {
            Ok(status) => (status.to_string(), status.success()),
            Err(error) => (format!("an end that nobody knows ({error})"), false),
        };
        state.note(NAME, Progress::Started, Some(ended.clone()));
        if is_success {
            return Ok(Outcome::Done(vec![format!("{} ran: {ended}", self.path())]));
        }
        Err(StepError::Refused(format!(
            "{} ran and ended with {ended}; it is not run again (--force runs it)",
            self.path()
        )))
    }
}

fn not_understood(kind: &str, len: usize) -> String {
    format!("{len} bytes, {kind}: not understood by this program, and not applied")
}

/// Why a script does not run in this run, if it does not.
fn later(machine: &Machine<'_>) -> Option<String> {
    let why = if !machine.root.is_live() {
        "a script: left to the machine itself, which runs it when it runs this program"
    } else if machine.is_early {
        "a script: left to a later run without --early"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// Without the bytes: there may be secrets in them.
impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserData").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
