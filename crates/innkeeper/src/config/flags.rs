//! The layer of the flags, and how a command line names the file.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::Error};

use super::{Form, Given, Key, SECTIONS, keys};
use crate::role::Role;

/// Names the file, as `--config` does.
const FILE_VARIABLE: &str = "INNKEEPER_CONFIG";

/// What a role's command line says of configuration: the file and the flags of [`add_flags`].
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigArgs {
    file: Option<PathBuf>,
    flags: Vec<(&'static Key, String)>,
}

impl ConfigArgs {
    /// Only a file, or the environment's.
    pub(crate) fn of_file(file: Option<PathBuf>) -> Self {
        let file = file.or_else(|| std::env::var_os(FILE_VARIABLE).map(PathBuf::from));
        Self { file, flags: vec![] }
    }

    /// The file that was named.
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        self.file.as_deref()
    }

    /// With the environment of this process: everything that a configuration is made of.
    pub(crate) fn given(self, other_variables: Vec<String>) -> Given {
        Given {
            file: self.file,
            environment: std::env::vars_os().collect(),
            other_variables,
            flags: self.flags,
        }
    }
}

/// Adds to a role's command a flag for each key that the role reads.
pub(crate) fn add_flags(mut command: Command, role: Role) -> Command {
    for section in SECTIONS.iter().filter(|section| section.roles.contains(&role)) {
        for key in section.keys {
            command = command.arg(flag(key));
        }
    }
    command
}

fn flag(key: &'static Key) -> Arg {
    let default = match key.default {
        "" => "not set".to_owned(),
        default => default.to_owned(),
    };
    let arg = Arg::new(key.flag())
        .long(key.flag())
        .value_name(key.value_name)
        .help(format!("{} [{}; default: {default}]", key.sentence(), key.variable()))
        .help_heading(format!("Configuration [{}]", key.section));
    match key.form {
        Form::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Form::List => arg.action(ArgAction::Append),
        Form::Text | Form::Number => arg,
    }
}

impl Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new("config")
                .long("config")
                .short('c')
                .value_name("FILE")
                .env(FILE_VARIABLE)
                .value_parser(clap::value_parser!(PathBuf))
                .help(format!(
                    "The configuration file [default: {}, which may be absent]",
                    super::DEFAULT_FILE
                )),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut args = Self { file: matches.get_one::<PathBuf>("config").cloned(), flags: vec![] };
        for key in keys() {
            // A role has only the flags of what it reads.
            if let Ok(Some(texts)) = matches.try_get_many::<String>(&key.flag()) {
                let texts: Vec<_> = texts.map(String::as_str).collect();
                args.flags.push((key, texts.join(",")));
            }
        }
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
