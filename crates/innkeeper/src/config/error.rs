//! What is wrong with a configuration.

use std::{io, path::PathBuf};

use super::{Key, Source, keys};

/// How alike two names must be for one to be offered in place of the other, from 0 to 1.
const LIKENESS_MIN: f64 = 0.6;

/// A mistake in the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is no TOML.
    #[error("{}:{line}: not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// There is no such key.
    #[error("{at}: unknown key {key}{hint}")]
    UnknownKey {
        /// Where it stands.
        at: Source,
        /// The key as it was written.
        key: String,
        /// What was meant, perhaps.
        hint: String,
    },
    /// There is no such variable.
    #[error("unknown environment variable {variable}{hint}")]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// What was meant, perhaps.
        hint: String,
    },
    /// The value is not what the key takes.
    #[error("{at}: {key} is {value}: expected {expected}")]
    Value {
        /// Where it stands.
        at: Source,
        /// The key.
        key: String,
        /// The value, or that it is not shown.
        value: String,
        /// What the key takes.
        expected: &'static str,
    },
    /// Two keys contradict each other.
    #[error("{}{problem}", place(at))]
    Rule {
        /// Where the key stands; a default stands nowhere.
        at: Source,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl ConfigError {
    /// A value that `key` does not take.
    pub(super) fn value(key: &Key, text: &str, at: Source) -> Self {
        Self::shown(key, format!("{text:?}"), at)
    }

    /// The same, for a value that is no text: `shown` says what it is.
    pub(super) fn shown(key: &Key, shown: String, at: Source) -> Self {
        let value = if key.secret { "[not shown]".to_owned() } else { shown };
        Self::Value { at, key: key.to_string(), value, expected: key.expected }
    }

    /// A key that does not exist.
    pub(super) fn unknown_key(section: Option<&str>, name: &str, at: Source) -> Self {
        let key = section.map_or_else(|| name.to_owned(), |section| format!("{section}.{name}"));
        let hint = secret_hint(name).unwrap_or_else(|| {
            nearest(&key, keys().map(ToString::to_string)).unwrap_or_else(|| {
                "; innkeeper config example prints every key there is".to_owned()
            })
        });
        Self::UnknownKey { at, key, hint }
    }

    /// A variable that does not exist.
    pub(super) fn unknown_variable(variable: String, others: &[String]) -> Self {
        let known = keys().map(Key::variable).chain(others.iter().cloned());
        let hint = secret_hint(&variable)
            .or_else(|| nearest(&variable, known))
            .unwrap_or_else(|| "; unset it, or rename it if another program needs it".to_owned());
        Self::UnknownVariable { variable, hint }
    }
}

fn place(at: &Source) -> String {
    if *at == Source::Default { String::new() } else { format!("{at}: ") }
}

/// What to say to somebody who gives a secret itself.
fn secret_hint(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let names_secret = ["secret", "password", "token"].iter().any(|word| name.contains(word));
    (names_secret && !name.ends_with("_file")).then(|| {
        "; secrets are given by the path of their file only: secrets.shared_secret_file, \
         agent.control_token_file, host.control_token_file"
            .to_owned()
    })
}

/// "; did you mean …?" with the most alike of the names there are.
pub(super) fn nearest(wrong: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|name| (strsim::normalized_damerau_levenshtein(wrong, &name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| format!("; did you mean {name}?"))
}
