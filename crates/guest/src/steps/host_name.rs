//! The host name.

use std::{fs, io};

use rustix::system::{sethostname, uname};

use super::{Machine, Outcome, Step, StepError};
use crate::{
    files::{FileError, Missing, Place},
    state::{Record, State},
};

/// What the step is called.
pub(super) const NAME: &str = "host name";

/// Characters of a name without its domain (RFC 1035); the kernel takes one more.
const LABEL_MAX: usize = 63;

/// Characters of a name with its domain.
const NAME_MAX: usize = 255;

/// Bytes of `/etc/hosts` and `/etc/hostname` that are read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What is in `/etc/hosts` if there is none yet.
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";

/// The names that a kernel has before anybody gave it one.
const UNNAMED: &[&str] = &["", "(none)", "localhost"];

/// Gives the machine its name: up to the first dot, as Debian does. The whole name is in
/// `/etc/hosts`.
#[derive(Debug)]
pub(super) struct HostName {
    whole: String,
}

impl HostName {
    pub(super) fn new(whole: &str) -> Self {
        Self { whole: whole.trim_end_matches('.').to_owned() }
    }

    /// The name up to the first dot.
    fn label(&self) -> Result<&str, StepError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let label = self.whole.split('.').next().unwrap_or_default();
        let is_good = self.whole.len() <= NAME_MAX
            && self.whole.chars().all(is_plain)
            && (1..=LABEL_MAX).contains(&label.len())
            && !label.starts_with('-');
        if is_good {
            return Ok(label);
        }
        let shown = self.whole.escape_debug();
        Err(StepError::Refused(format!(
            "\"{shown}\" cannot be a host name: it must have letters, digits and hyphens, at most \
             {LABEL_MAX} up to the first dot"
        )))
    }

    /// `/etc/hosts` with a line for the name; `None` if it has one.
    fn hosts(&self, hosts: &Place, label: &str) -> Result<Option<Vec<u8>>, FileError> {
        let existing = hosts.read(FILE_BYTES_MAX)?;
        let mut text = existing.map_or_else(|| HOSTS.as_bytes().to_vec(), |(bytes, _)| bytes);
        let is_named = text.split(|byte| *byte == b'\n').any(|line| {
            let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let address = words.next();
            address.is_some() && words.any(|word| word.eq_ignore_ascii_case(label.as_bytes()))
        });
        if is_named {
            return Ok(None);
        }
        if text.last().is_some_and(|byte| *byte != b'\n') {
            text.push(b'\n');
        }
        let names = if self.whole == label { label } else { &format!("{} {label}", self.whole) };
        text.extend(format!("127.0.1.1 {names}\n").bytes());
        Ok(Some(text))
    }
}

impl Step for HostName {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn plan(&self, machine: &Machine<'_>) -> Result<Vec<String>, StepError> {
        let label = self.label()?;
        let root = machine.root;
        let mut lines = Vec::new();
        if root.is_live() {
            lines.push(format!("set the host name {label}"));
        }
        lines.push(format!("write /etc/hostname ({} bytes)", label.len() + 1));
        let hosts = root.place("/etc/hosts", Missing::Refuse)?;
        if self.hosts(&hosts, label)?.is_some() {
            lines.push(format!("write {} into /etc/hosts", self.whole));
        }
        Ok(lines)
    }

    fn apply(&self, machine: &Machine<'_>, _state: &mut State) -> Result<Outcome, StepError> {
        let label = self.label()?;
        let root = machine.root;
        let mut errors = Vec::new();
        let mut done = Vec::new();
        if root.is_live() {
            match set(label) {
                Ok(()) => done.push(format!("the host name is {label}")),
                Err(error) => errors.push(error),
            }
        }
        let written = root
            .place("/etc/hostname", Missing::Make)
            .and_then(|place| place.write_or_replace(format!("{label}\n").as_bytes(), 0o644));
        match written {
            Ok(()) => done.push(format!("/etc/hostname says {label}")),
            Err(error) => errors.push(error.into()),
        }
        let hosts = root.place("/etc/hosts", Missing::Make).and_then(|place| {
            let Some(text) = self.hosts(&place, label)? else { return Ok(false) };
            place.write_or_replace(&text, 0o644).map(|()| true)
        });
        match hosts {
            Ok(true) => done.push(format!("/etc/hosts names {}", self.whole)),
            Ok(false) => {}
            Err(error) => errors.push(error.into()),
        }
        StepError::of_all(errors).map(|()| Outcome::Done(done))
    }

    /// Where nothing of the image reads `/etc/hostname` at boot, this does. A name that somebody
    /// gave the machine since is left alone.
    fn renew(
        &self,
        machine: &Machine<'_>,
        _record: &Record,
    ) -> Result<Option<Vec<String>>, StepError> {
        let current = uname();
        let is_unnamed = UNNAMED.contains(&&*current.nodename().to_string_lossy());
        if !machine.root.is_live() || !is_unnamed {
            return Ok(None);
        }
        let Ok(text) = fs::read_to_string("/etc/hostname") else { return Ok(None) };
        let Some(name) = text.lines().next().map(str::trim).filter(|n| !UNNAMED.contains(n)) else {
            return Ok(None);
        };
        set(name)?;
        Ok(Some(vec![format!("the host name is {name} again")]))
    }
}

fn set(name: &str) -> Result<(), StepError> {
    sethostname(name.as_bytes()).map_err(|error| {
        let error = io::Error::from(error);
        StepError::Refused(format!("could not set the host name {name}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files::Root, log::Log};

    fn applied(name: &str, hosts: Option<&str>) -> (String, String) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        if let Some(hosts) = hosts {
            fs::write(directory.path().join("etc/hosts"), hosts).unwrap();
        }
        let root = Root::open(directory.path()).unwrap();
        let machine = Machine { root: &root, log: &Log::silent(), boot: None, is_early: false };
        HostName::new(name).apply(&machine, &mut State::new("a")).unwrap();
        let read = |name| fs::read_to_string(directory.path().join("etc").join(name)).unwrap();
        (read("hostname"), read("hosts"))
    }

    #[test]
    fn hosts_gets_one_line_if_the_name_is_new() {
        let (name, hosts) = applied("web1.novalocal", Some("127.0.0.1 localhost"));
        assert_eq!(name, "web1\n");
        assert_eq!(hosts, "127.0.0.1 localhost\n127.0.1.1 web1.novalocal web1\n");
        for known in ["10.0.0.5\tWEB1.x web1 # me\n", "::1 Web1\n"] {
            assert_eq!(applied("web1", Some(known)).1, known);
        }
        for unknown in ["# 10.0.0.5 web1\n", "web1\n", "10.0.0.5 web10\n"] {
            assert_eq!(applied("web1", Some(unknown)).1, format!("{unknown}127.0.1.1 web1\n"));
        }
        assert!(applied("web1", None).1.starts_with("127.0.0.1 localhost\n"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(64);
        for name in ["", ".a", "a b", "a/b", "-a", "a\nb", "g\u{e4}st", &long] {
            let error = HostName::new(name).label().unwrap_err().to_string();
            assert!(error.contains("cannot be a host name"), "{name:?}: {error}");
        }
        assert_eq!(HostName::new("a.b.").label().unwrap(), "a");
    }
}
