//! What to do and where: the command line over the configuration file over the defaults.

use std::{path::PathBuf, time::Duration};

use crate::service::Endpoint;

/// Where the configuration is unless another file is named.
pub(crate) const CONFIG: &str = "/etc/innkeeper-guest.conf";

/// The longest wait that can be asked for: an hour.
const WAIT_SECONDS_MAX: u64 = 3600;

/// Which sources are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sources {
    /// The drive, and the service if there is none.
    Auto,
    /// The drive only.
    Drive,
    /// The service only.
    Service,
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whose keys are written.
    pub(crate) user: String,
    /// Which sources are tried.
    pub(crate) sources: Sources,
    /// The only device or image that is looked at.
    pub(crate) device: Option<PathBuf>,
    /// The only service that is asked.
    pub(crate) service: Option<Endpoint>,
    /// How long is waited for the drive.
    pub(crate) wait: Duration,
    /// How long is waited for the service, and for each document of it.
    pub(crate) service_wait: Duration,
    /// The log's path within the root; none for standard error only.
    pub(crate) log: Option<String>,
    /// Whether all is applied again.
    pub(crate) force: bool,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingError {
    /// No setting of that name.
    #[error("there is no setting \"{0}\"; there are {SETTINGS}")]
    Unknown(String),
    /// A value that the setting cannot have.
    #[error("{name} cannot be \"{value}\": it must be {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// The value.
        value: String,
        /// What it could be.
        expected: &'static str,
    },
    /// A service that cannot be asked.
    #[error(transparent)]
    Service(#[from] crate::service::EndpointError),
    /// A line of the file that is none.
    #[error("line {line} is not like \"name = value\"")]
    Line {
        /// Its number.
        line: usize,
    },
    /// A line of the file with a setting that cannot be.
    #[error("line {line}: {problem}")]
    InLine {
        /// Its number.
        line: usize,
        /// What is wrong with it.
        problem: Box<Self>,
    },
}

/// The names, for messages.
const SETTINGS: &str = "user, source, device, service, wait, service-wait, log and force";

impl Default for Settings {
    fn default() -> Self {
        Self {
            user: "root".to_owned(),
            sources: Sources::Auto,
            device: None,
            service: None,
            wait: Duration::from_secs(10),
            service_wait: Duration::from_secs(60),
            log: Some("/var/log/innkeeper-guest.log".to_owned()),
            force: false,
        }
    }
}

impl Settings {
    /// Takes over a file of lines like `name = value`, empty lines and comments.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), SettingError> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once('=').ok_or(SettingError::Line { line: number })?;
            self.set(name.trim(), value.trim()).map_err(|problem| SettingError::InLine {
                line: number,
                problem: Box::new(problem),
            })?;
        }
        Ok(())
    }

    /// Sets one setting by its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let wrong = |name, expected| SettingError::Value {
            name,
            value: value.escape_debug().to_string(),
            expected,
        };
        match name {
            "user" if !value.is_empty() && !value.contains([':', '\n']) => {
                self.user = value.to_owned();
            }
            "user" => return Err(wrong("user", "a user of /etc/passwd")),
            "source" => {
                self.sources = match value {
                    "auto" => Sources::Auto,
                    "drive" => Sources::Drive,
                    "service" => Sources::Service,
                    _ => return Err(wrong("source", "drive, service or auto")),
                };
            }
            "device" if !value.is_empty() => self.device = Some(PathBuf::from(value)),
            "device" => return Err(wrong("device", "a path, like /dev/sr0")),
            "service" => self.service = Some(Endpoint::parse(value)?),
            "wait" => self.wait = seconds(value).ok_or_else(|| wrong("wait", SECONDS))?,
            "service-wait" => {
                self.service_wait = seconds(value).ok_or_else(|| wrong("service-wait", SECONDS))?;
            }
            "log" if value == "-" => self.log = None,
            "log" if value.starts_with('/') => self.log = Some(value.to_owned()),
            "log" => return Err(wrong("log", "an absolute path, or - for standard error only")),
            "force" => {
                self.force = match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err(wrong("force", "true or false")),
                };
            }
            _ => return Err(SettingError::Unknown(name.escape_debug().to_string())),
        }
        Ok(())
    }
}

/// What a wait can be.
const SECONDS: &str = "whole seconds, 0 to 3600";

fn seconds(value: &str) -> Option<Duration> {
    let seconds = value.parse().ok().filter(|seconds| *seconds <= WAIT_SECONDS_MAX)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_sets_what_it_names() {
        let mut settings = Settings::default();
        let text = "# for our images\n\nuser = admin\n source=drive\nwait = 3\nlog = -\n\
                    service = http://10.0.0.1:8775\nforce = true\n";
        settings.read(text).unwrap();
        let expected = Settings {
            user: "admin".to_owned(),
            sources: Sources::Drive,
            wait: Duration::from_secs(3),
            log: None,
            service: Some(Endpoint::parse("http://10.0.0.1:8775").unwrap()),
            force: true,
            ..Settings::default()
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, message) in [
            ("user", "line 1 is not like"),
            ("\nusers = x", "line 2: there is no setting \"users\"; there are user, source"),
            ("source = cd", "must be drive, service or auto"),
            ("wait = -1", "must be whole seconds"),
            ("wait = 99999", "must be whole seconds"),
            ("log = x", "absolute path"),
            ("device =", "a path, like /dev/sr0"),
            ("service = https://x", "no TLS"),
            ("user = a:b", "a user of /etc/passwd"),
        ] {
            let error = Settings::default().read(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_file_is_a_panic(text in "((user|wait|log|service|x)?[ =]{0,3}.{0,6}\n){0,4}") {
            let _ = Settings::default().read(&text);
        }
    }
}
