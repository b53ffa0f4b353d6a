//! The command line.

use std::{ffi::OsString, path::PathBuf};

use crate::settings::{SettingError, Settings};

/// What `--help` says.
pub(crate) const HELP: &str = "\
Applies this machine's metadata, once per instance: host name, SSH keys, root
password, network, injected files, and user data if they are a script.

It looks for a config drive, a block device with the label config-2, and asks
the metadata service (169.254.169.254, then fe80::a9fe:a9fe on each interface)
if there is none. Run it as root at boot, after the file systems are mounted
for writing and before the network is waited for.

Usage: innkeeper-guest [OPTIONS]

What is applied:
  --dry-run             Show what would be done, and change nothing
  --force               Apply all again, though it was applied before
  --once                Apply what is not applied yet (the default)
  --early               Leave a script and the metadata service to a later run,
                        when the network is there and services can be started
  --user NAME           Whose SSH keys are written, of /etc/passwd [root]
  --root DIR            Change the files below DIR and nothing of this machine;
                        network and user data are left to the machine itself

Where it comes from:
  --source WHICH        drive, service, or auto for both in this order [auto]
  --device PATH         Look at this device or image only, like /dev/sr0
  --service URL         Ask this service only, like http://10.0.0.1:8775
  --wait SECONDS        How long to wait for the drive to appear [10]
  --service-wait SECONDS
                        How long to wait for the service to answer [60]

Everything else:
  --config FILE         Read settings from FILE [/etc/innkeeper-guest.conf], one
                        \"name = value\" a line: user, source, device, service,
                        wait, service-wait, log, force
  --log FILE            Add to FILE below the root, or - for standard error
                        only [/var/log/innkeeper-guest.log]
  -h, --help            Show this
  -V, --version         Show the version

Exit code:
  0  All is applied, now or before. User data that are not understood are said
     in the summary and are no failure
  1  Some of it failed: the summary lists what. Run it again after mending that;
     what was done is not done again
  2  The command line or the configuration is wrong; nothing was done
  3  There is neither a config drive nor a metadata service

Try:
  innkeeper-guest --dry-run
  innkeeper-guest --dry-run --device ./disk.config --root /mnt/image
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The help.
    Help,
    /// The version.
    Version,
    /// The work.
    Run(Options),
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Show only.
    pub(crate) is_dry_run: bool,
    /// Leave to a later run what is better done late.
    pub(crate) is_early: bool,
    /// The tree that is changed.
    pub(crate) root: PathBuf,
    /// A configuration other than the usual one.
    pub(crate) config: Option<PathBuf>,
    /// Settings by their names, in order.
    settings: Vec<(&'static str, String)>,
}

/// A command line that cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    /// Nothing of that name.
    #[error("there is no option \"{0}\"; --help shows what there is")]
    Unknown(String),
    /// An option without its value.
    #[error("{0} needs a value behind it")]
    NoValue(&'static str),
    /// A value where there is none.
    #[error("{0} takes no value")]
    Value(&'static str),
    /// Not text.
    #[error("\"{0}\" is not UTF-8")]
    NotText(String),
    /// A value that cannot be.
    #[error("--{0}")]
    Setting(#[from] SettingError),
}

/// Options that set the setting of the same name.
const SETTINGS: &[(&str, &str)] = &[
    ("--user", "user"),
    ("--source", "source"),
    ("--device", "device"),
    ("--service", "service"),
    ("--wait", "wait"),
    ("--service-wait", "service-wait"),
    ("--log", "log"),
];

impl Options {
    /// Sets what the command line names.
    pub(crate) fn set(&self, settings: &mut Settings) -> Result<(), SettingError> {
        self.settings.iter().try_for_each(|(name, value)| settings.set(name, value))
    }
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut options = Options {
        is_dry_run: false,
        is_early: false,
        root: PathBuf::from("/"),
        config: None,
        settings: Vec::new(),
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let arg = text(arg)?;
        let (name, mut value) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let mut value_of = |option: &'static str| match value.take() {
            Some(value) => Ok(value),
            None => args.next().map_or(Err(UsageError::NoValue(option)), text),
        };
        let flag = match name {
            "--help" | "-h" => return Ok(Command::Help),
            "--version" | "-V" => return Ok(Command::Version),
            "--dry-run" => {
                options.is_dry_run = true;
                "--dry-run"
            }
            "--early" => {
                options.is_early = true;
                "--early"
            }
            "--force" => {
                options.settings.push(("force", "true".to_owned()));
                "--force"
            }
            "--once" => {
                options.settings.push(("force", "false".to_owned()));
                "--once"
            }
            "--root" => {
                options.root = PathBuf::from(value_of("--root")?);
                continue;
            }
            "--config" => {
                options.config = Some(PathBuf::from(value_of("--config")?));
                continue;
            }
            other => {
                let known = SETTINGS.iter().find(|(option, _)| *option == other);
                let (option, setting) =
                    known.ok_or_else(|| UsageError::Unknown(other.escape_debug().to_string()))?;
                options.settings.push((setting, value_of(option)?));
                continue;
            }
        };
        if value.is_some() {
            return Err(UsageError::Value(flag));
        }
    }
    // Values are tried here, so that a wrong one is an error of the command line.
    options.set(&mut Settings::default())?;
    Ok(Command::Run(options))
}

fn text(arg: OsString) -> Result<String, UsageError> {
    arg.into_string().map_err(|arg| UsageError::NotText(arg.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use proptest::prelude::*;

    use super::*;

    fn parsed(args: &str) -> Result<Command, UsageError> {
        parse(args.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_are_read_with_their_values_in_either_way() {
        for args in [
            "--root=/mnt --user bob --dry-run --wait 0",
            "--wait=0 --root /mnt --dry-run --user=bob",
        ] {
            let Ok(Command::Run(options)) = parsed(args) else { panic!("{args}") };
            assert!(options.is_dry_run);
            assert_eq!(options.root, PathBuf::from("/mnt"));
            let mut settings = Settings::default();
            options.set(&mut settings).unwrap();
            assert_eq!((settings.user.as_str(), settings.wait.as_secs()), ("bob", 0));
        }
        assert_eq!(parsed("--dry-run -h"), Ok(Command::Help));
        assert_eq!(parsed("-V"), Ok(Command::Version));
    }

    #[test]
    fn the_last_of_once_and_force_counts() {
        let Ok(Command::Run(options)) = parsed("--force --once") else { panic!("refused") };
        let mut settings = Settings { force: true, ..Settings::default() };
        options.set(&mut settings).unwrap();
        assert!(!settings.force);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (args, message) in [
            ("--dryrun", "no option \"--dryrun\""),
            ("drive.iso", "no option \"drive.iso\""),
            ("--user", "--user needs a value"),
            ("--dry-run=yes", "--dry-run takes no value"),
            ("--source cd", "--source cannot be \"cd\""),
        ] {
            let error = parsed(args).unwrap_err().to_string();
            assert!(error.contains(message), "{args}: {error}");
        }
        let error = parse([OsString::from_vec(vec![0xff])]).unwrap_err();
        assert!(matches!(error, UsageError::NotText(_)));
    }

    #[test]
    fn the_help_names_every_option() {
        for (option, _) in SETTINGS {
            assert!(HELP.contains(&format!("  {option} ")), "{option} is not in the help");
        }
        assert!(HELP.lines().all(|line| line.len() <= 80), "a line is too wide for a console");
    }

    proptest! {
        #[test]
        fn no_arguments_are_a_panic(args in "((--)?(user|root|wait|force|x)?[= ]{0,2}.{0,4} ){0,4}") {
            let _ = parsed(&args);
        }
    }
}
