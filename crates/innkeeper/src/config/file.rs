//! The layer of the file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ConfigError, Form, Key, SECTIONS, Section, Settings, Source, error::nearest};

/// Reads the file at `path` into `settings`; false if it does not exist and need not.
pub(super) fn read(
    path: &Path,
    must_exist: bool,
    settings: &mut Settings,
) -> Result<bool, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => return Ok(false),
        Err(error) => return Err(ConfigError::Unreadable { path: path.to_owned(), error }),
    };
    File { path, text: &text }.read(settings)?;
    Ok(true)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn read(&self, settings: &mut Settings) -> Result<(), ConfigError> {
        let root = DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            path: self.path.to_owned(),
            line: self.line(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        for (name, value) in root.get_ref() {
            let at = self.at(name.span().start);
            let section = SECTIONS.iter().find(|section| section.name == name.get_ref().as_ref());
            match (section, value.get_ref()) {
                (Some(section), DeValue::Table(table)) => {
                    self.read_section(section, table, settings)?;
                }
                (None, DeValue::Table(_)) => {
                    let known = SECTIONS.iter().map(|section| section.name.to_owned());
                    let hint = nearest(name.get_ref(), known).unwrap_or_else(|| {
                        let known: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
                        format!("; the sections are {}", known.join(", "))
                    });
                    return Err(ConfigError::UnknownKey {
                        at,
                        key: format!("section [{}]", name.get_ref()),
                        hint,
                    });
                }
                (_, _) => return Err(ConfigError::unknown_key(None, name.get_ref(), at)),
            }
        }
        Ok(())
    }

    fn read_section(
        &self,
        section: &'static Section,
        table: &DeTable<'_>,
        settings: &mut Settings,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let at = self.at(name.span().start);
            let Some(key) = section.keys.iter().find(|key| key.name == name.get_ref().as_ref())
            else {
                return Err(ConfigError::unknown_key(Some(section.name), name.get_ref(), at));
            };
            let text = text_form(key, value.get_ref())
                .ok_or_else(|| ConfigError::shown(key, shown(value, self.text), at.clone()))?;
            settings.give(key, text, at)?;
        }
        Ok(())
    }

    fn at(&self, offset: usize) -> Source {
        Source::File(PathBuf::from(self.path), self.line(offset))
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// The text form of a TOML value of the type that the key takes.
fn text_form(key: &Key, value: &DeValue<'_>) -> Option<String> {
    match (key.form, value) {
        (Form::Text, DeValue::String(text)) => Some(text.to_string()),
        (Form::Number, DeValue::Integer(number)) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        (Form::Switch, DeValue::Boolean(on)) => Some(on.to_string()),
        (Form::List, DeValue::Array(items)) => {
            let items: Option<Vec<_>> = items
                .iter()
                .map(|item| item.get_ref().as_str().filter(|item| !item.contains(',')))
                .collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

/// A value of a wrong type, as the file has it.
fn shown(value: &Spanned<DeValue<'_>>, text: &str) -> String {
    let written = text.get(value.span()).unwrap_or_default();
    format!("the {} {written}", value.get_ref().type_str())
}
