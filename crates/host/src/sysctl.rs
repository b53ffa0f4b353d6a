//! Settings under /proc/sys/net.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
};

use rustix::{
    fs::{Mode, OFlags, open, openat},
    io::Errno,
};

use crate::HostError;

/// The settings of one protocol in the namespace of the thread that opened them; for that thread,
/// since the kernel shows another's to others.
///
/// They are held open because /proc/sys/net has a directory of the same name for every namespace,
/// among all of which the kernel searches for the right one: at 5,000 namespaces, half a
/// millisecond each time.
#[derive(Debug)]
pub(crate) struct Settings {
    protocol: Protocol,
    /// None where this kernel has not got the protocol.
    directory: Option<OwnedFd>,
}

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ipv4,
    Ipv6,
}

impl Protocol {
    /// As its directory is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

impl Settings {
    /// Those of the calling thread's namespace.
    pub(crate) fn open(protocol: Protocol) -> Result<Self, HostError> {
        let path = format!("/proc/sys/net/{}", protocol.name());
        match open(&path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(directory) => Ok(Self { protocol, directory: Some(directory) }),
            Err(Errno::NOENT) => Ok(Self { protocol, directory: None }),
            Err(error) => Err(HostError::system(format_args!("open {path}"), error)),
        }
    }

    /// Whether `key` (`conf/all/forwarding`) has another value than `value`.
    ///
    /// A key that this kernel has not, such as those of IPv6 where that is off, needs no setting.
    pub(crate) fn differs(&self, key: &str, value: &str) -> Result<bool, HostError> {
        self.read(key).map(|now| now.is_some_and(|now| now.trim_end() != value)).map_err(|error| {
            HostError::system(format_args!("read sysctl {}/{key}", self.protocol.name()), error)
        })
    }

    /// Sets `key` to `value`, if it has another one.
    pub(crate) fn set(&self, key: &str, value: &str) -> Result<(), HostError> {
        if !self.differs(key, value)? {
            return Ok(());
        }
        let written = self
            .file(key, OFlags::WRONLY)
            .and_then(|file| file.map_or(Ok(()), |mut file| file.write_all(value.as_bytes())));
        let name = self.protocol.name();
        written.map_err(|error| {
            HostError::system(format_args!("set sysctl {name}/{key} to {value}"), error)
        })
    }

    fn read(&self, key: &str) -> io::Result<Option<String>> {
        let Some(mut file) = self.file(key, OFlags::RDONLY)? else { return Ok(None) };
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(Some(text))
    }

    fn file(&self, key: &str, how: OFlags) -> io::Result<Option<File>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        match openat(directory, key, how | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
