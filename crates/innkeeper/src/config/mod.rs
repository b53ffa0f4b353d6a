//! Configuration: one table of keys, four layers.
//!
//! A key's value comes from its default, then the file, then the environment, then a flag; the
//! last that gives one decides. Every layer is checked as it is read, also where a later layer
//! would have hidden the mistake.

mod config_drive;
mod environment;
mod error;
mod example;
mod file;
mod flags;
mod lease;
mod report;
mod rules;
mod table;
mod value;
mod vendor_data;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

pub(crate) use error::ConfigError;
pub(crate) use example::example;
pub(crate) use flags::{ConfigArgs, add_flags};
pub(crate) use report::report;
pub(crate) use table::{AgentSection, ApiSection, Config, LogSection, SECTIONS};
use value::Form;
pub(crate) use value::{
    ApiKind, ControlAddress, IdentificationMode, LogFormat, Name, SecretFile, ServiceUrl, Value,
};

use crate::role::Role;

/// The file that is read where no other is named; it may be absent.
pub(crate) const DEFAULT_FILE: &str = "/etc/innkeeper/innkeeper.toml";

/// A section of the file.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its name in the file, in variables and in flags.
    pub(crate) name: &'static str,
    /// What it is about, in lines.
    pub(crate) doc: &'static [&'static str],
    /// The roles that read it.
    pub(crate) roles: &'static [Role],
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// The section it is in.
    pub(crate) section: &'static str,
    /// Its name there.
    pub(crate) name: &'static str,
    /// What it does, in lines.
    pub(crate) doc: &'static [&'static str],
    /// The text form of its default.
    pub(crate) default: &'static str,
    form: Form,
    expected: &'static str,
    value_name: &'static str,
    /// Whether its value names a file with a secret, and is not repeated in errors.
    secret: bool,
    accepts: fn(&str) -> bool,
}

impl Key {
    /// Its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("INNKEEPER_{}_{}", self.section, self.name).to_uppercase()
    }

    /// Its flag, without the dashes in front.
    pub(crate) fn flag(&self) -> String {
        format!("{}-{}", self.section, self.name).replace('_', "-")
    }

    /// Its documentation in one line.
    pub(crate) fn sentence(&self) -> String {
        sentence(self.doc)
    }

    /// Its value `text` as TOML.
    fn as_toml(&self, text: &str) -> String {
        match self.form {
            Form::Number | Form::Switch => text.to_owned(),
            Form::Text => quoted(text),
            Form::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                let items: Vec<_> = items.map(quoted).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}

/// Every key, in the order of the example file.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody gave one.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// The values that were given, each with its source.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    given: BTreeMap<(&'static str, &'static str), (String, Source)>,
    /// The file that was read, if there was one.
    pub(crate) file: Option<PathBuf>,
}

impl Settings {
    /// Checks and keeps a value; one of an earlier layer is forgotten.
    fn give(&mut self, key: &'static Key, text: String, source: Source) -> Result<(), ConfigError> {
        if !(key.accepts)(&text) {
            return Err(ConfigError::value(key, &text, source));
        }
        self.given.insert((key.section, key.name), (text, source));
        Ok(())
    }

    /// The text form of a key's value.
    pub(crate) fn text(&self, key: &'static Key) -> &str {
        self.given.get(&(key.section, key.name)).map_or(key.default, |(text, _)| text)
    }

    /// Where a key's value comes from.
    pub(crate) fn source(&self, section: &str, name: &str) -> Source {
        self.given
            .iter()
            .find(|((in_section, called), _)| *in_section == section && *called == name)
            .map_or(Source::Default, |(_, (_, source))| source.clone())
    }

    fn value<T: Value>(&self, section: &str, name: &str) -> T {
        let key = keys()
            .find(|key| key.section == section && key.name == name)
            .expect("the table has every key of the type that it makes");
        T::parse(self.text(key)).expect("defaults and given values were checked")
    }
}

/// What a process starts with: who gave which value.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The file that was named, which must exist.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Variables of this environment that are no keys.
    pub(crate) other_variables: Vec<String>,
    /// Keys given by flag.
    pub(crate) flags: Vec<(&'static Key, String)>,
}

impl Given {
    /// Reads all layers and checks them, each key alone and the keys together.
    ///
    /// # Errors
    /// The first mistake, with where it is and what to write instead.
    pub(crate) fn load(self) -> Result<(Config, Settings), ConfigError> {
        let mut settings = Settings::default();
        let (path, must_exist) = match self.file {
            Some(path) => (path, true),
            None => (PathBuf::from(DEFAULT_FILE), false),
        };
        if file::read(&path, must_exist, &mut settings)? {
            settings.file = Some(path);
        }
        environment::read(self.environment, &self.other_variables, &mut settings)?;
        for (key, text) in self.flags {
            settings.give(key, text, Source::Flag(key.flag()))?;
        }
        let config = Config::from_settings(&settings);
        rules::check(&config, &settings)?;
        Ok((config, settings))
    }
}

/// Lines of documentation as one line.
fn sentence(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ").replace('`', "")
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A configuration file with the keys that differ from their defaults, for `init`.
pub(crate) fn file_with(values: &[(&str, &str, &Path)]) -> String {
    example::with(values)
}

#[cfg(test)]
mod tests;
